//go:build !linux

package sipua

import "syscall"

// sharesPorts: elsewhere SO_REUSEPORT, where it is, gives everything to one socket.
const sharesPorts = false

func sharePort(_, _ string, _ syscall.RawConn) error { return nil }
