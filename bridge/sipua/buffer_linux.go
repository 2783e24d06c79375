package sipua

import (
	"net"
	"syscall"
)

// soRcvBufForce sets a receive buffer past net.core.rmem_max; it takes CAP_NET_ADMIN.
const soRcvBufForce = 33

// widen asks for a receive buffer of so many bytes: a storm of SUBSCRIBEs, or the answers to
// a burst of NOTIFYs, must fit until they are read. Without the right to more, the kernel
// gives net.core.rmem_max.
func widen(conn *net.UDPConn, size int) {
	_ = conn.SetReadBuffer(size)
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, soRcvBufForce, size) //nolint:gosec // a descriptor
	})
}
