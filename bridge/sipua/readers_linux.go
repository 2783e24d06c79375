package sipua

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// sharesPorts: the kernel spreads datagrams over the sockets of one port.
const sharesPorts = true

func sharePort(_, _ string, raw syscall.RawConn) error {
	var err error
	return errors.Join(raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) //nolint:gosec // a descriptor
	}), err)
}
