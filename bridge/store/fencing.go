//go:build !nofencing

package store

// fenced is a script with its fence. The build tag nofencing leaves the fence out: what checks
// replicas must find out.
func fenced(lua string) string { return lua }
