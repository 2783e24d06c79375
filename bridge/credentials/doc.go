// Package credentials reads the credential files that a policy names (CME, authenticate
// credential): CSV of user names and passwords, from files and web servers. What cannot be
// read keeps the contents it had: a file server that is away must not lock trunks out.
package credentials
