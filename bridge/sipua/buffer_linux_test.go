package sipua

import (
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestWiden: with CAP_NET_ADMIN the buffer is what was asked for; else what
// the kernel grants everybody, but no less than it was.
func TestWiden(t *testing.T) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	size := func() (n int) {
		raw, err := conn.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		if err := raw.Control(func(fd uintptr) { n, err = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF) }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := size()
	widen(conn, receiveBuffer)
	want := before
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, caps, _ := strings.Cut(string(status), "CapEff:\t")
	caps, _, _ = strings.Cut(caps, "\n")
	if c, err := strconv.ParseUint(caps, 16, 64); err != nil || c&(1<<12) != 0 { // CAP_NET_ADMIN
		want = 2 * receiveBuffer // the kernel counts its own structures
	}
	if after := size(); after < want {
		t.Errorf("%d bytes, was %d, want %d", after, before, want)
	}
}
