//go:build !linux

package sipua

import "net"

// widen asks for a receive buffer of so many bytes; the kernel caps it silently.
func widen(conn *net.UDPConn, size int) { _ = conn.SetReadBuffer(size) }
