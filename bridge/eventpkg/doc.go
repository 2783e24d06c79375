// Package eventpkg makes the NOTIFY bodies of the two event packages that lamps live
// on: dialog (RFC 4235) and presence (RFC 3856). It negotiates the body's form, masks
// what a watcher may not see, knows the habits of phones as data (the dialects), and
// renders once what then is stamped with a version per watcher.
//
// Everything here is pure and safe for concurrent use.
package eventpkg
