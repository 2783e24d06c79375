//go:build pbx && linux

package lab_test

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/siptest/lab"
)

// TestNAT: the home hides its phones, takes another port for each destination, forgets
// UDP soon, and is gone after Close; so is that of a process that crashed.
func TestNAT(t *testing.T) {
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	crashed := "blfnat" + strconv.Itoa(dead.ProcessState.Pid()) + "h7"
	if out, err := exec.Command("ip", "netns", "add", crashed).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s; it needs root", err, out)
	}
	n, err := lab.NewNAT(t.Context(), lab.NATConfig{UDPTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() }) // a second time does nothing
	namespaces := func() string {
		out, err := exec.Command("ip", "netns").CombinedOutput()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	if strings.Contains(namespaces(), crashed) {
		t.Error("a crashed run's namespace is still there")
	}

	server := func() net.PacketConn {
		c, err := net.ListenPacket("udp", n.Public.String()+":0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	one, two := server(), server()
	phone, err := n.ListenPacket()
	if err != nil {
		t.Fatal(err)
	}
	defer phone.Close()
	seen := func(at net.PacketConn) netip.AddrPort {
		t.Helper()
		if _, err := phone.WriteTo([]byte("x"), at.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		_ = at.SetReadDeadline(time.Now().Add(5 * time.Second))
		_, from, err := at.ReadFrom(make([]byte, 9))
		if err != nil {
			t.Fatal(err)
		}
		return from.(*net.UDPAddr).AddrPort()
	}
	arrives := func(from net.PacketConn, to netip.AddrPort) bool {
		t.Helper()
		if _, err := from.WriteTo([]byte("y"), net.UDPAddrFromAddrPort(to)); err != nil {
			t.Fatal(err)
		}
		_ = phone.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		_, _, err := phone.ReadFrom(make([]byte, 9))
		return err == nil
	}
	a, b := seen(one), seen(two)
	if a.Addr() != n.Router || b.Addr() != n.Router || a == b {
		t.Errorf("the phone seems to be %v and %v, want two ports of %v", a, b, n.Router)
	}
	if !arrives(one, a) || arrives(two, a) {
		t.Error("a mapping is to let in its own destination and no other")
	}
	time.Sleep(2500 * time.Millisecond)
	if arrives(one, a) {
		t.Error("a mapping outlives its time")
	}
	if again := seen(one); again == a {
		t.Error("a new mapping has the old one's port")
	}

	ln, err := net.Listen("tcp", n.Public.String()+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := n.Dial(t.Context(), ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	in, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if from := in.RemoteAddr().(*net.TCPAddr).AddrPort(); from.Addr() != n.Router {
		t.Errorf("TCP comes from %v, want %v", from, n.Router)
	}
	if out, err := n.Command("ip", "-brief", "addr").CombinedOutput(); err != nil || !strings.Contains(string(out), n.Inside.String()) {
		t.Errorf("a program inside sees %s, %v", out, err)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if left := namespaces(); strings.Contains(left, "blfnat"+strconv.Itoa(os.Getpid())) {
		t.Errorf("after Close there is still %s", left)
	}
}
