package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// natPrefix begins the names of namespaces; what follows is the process's id and a number.
const natPrefix = "blfnat"

// NAT is a home: a network namespace for phones, whose only way out is a router that
// hides them. The router is a namespace too, with masquerading by nftables. It gives each
// destination another port, at random, and lets in only what answers (RFC 4787's worst
// kind: address- and port-dependent mapping and filtering). The server under test stays
// in the namespace of the process. A NAT is safe for concurrent use.
type NAT struct {
	// Public is the address of this machine that the phones reach.
	Public netip.Addr
	// Router is the address that the phones seem to have.
	Router netip.Addr
	// Inside is the phones' own address.
	Inside netip.Addr

	router, home, link string // namespaces, and our end of the line to the router
}

// NATConfig describes a home.
type NATConfig struct {
	// UDPTimeout is how long the router remembers a UDP mapping without traffic, in whole
	// seconds; default 30 s, as RFC 4787 REQ-5 forbids and routers have it.
	UDPTimeout time.Duration
	// TCPTimeout is the same for a connection; default two hours and four minutes.
	TCPTimeout time.Duration
}

// NewNAT makes a home, after removing those of processes that are gone. It needs root,
// iproute2 and nftables. Close it.
func NewNAT(ctx context.Context, c NATConfig) (*NAT, error) {
	if err := removeStale(ctx); err != nil {
		return nil, err
	}
	id := strconv.Itoa(rand.IntN(10000))
	n := &NAT{
		Inside: netip.MustParseAddr("10.99.0.2"),
		router: natPrefix + strconv.Itoa(os.Getpid()) + "r" + id, home: natPrefix + strconv.Itoa(os.Getpid()) + "h" + id,
		link: "bn" + strconv.FormatInt(int64(os.Getpid()), 36) + "x" + id, // at most 15 characters
	}
	if err := n.choose(); err != nil {
		return nil, err
	}
	c.UDPTimeout, c.TCPTimeout = cmp.Or(c.UDPTimeout, 30*time.Second), cmp.Or(c.TCPTimeout, 124*time.Minute)
	if err := n.build(ctx, c); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// choose finds two neighbouring addresses that nothing here has, of the network for
// benchmarks (RFC 2544).
func (n *NAT) choose() error {
	have, err := net.InterfaceAddrs()
	if err != nil {
		return fmt.Errorf("lab: NAT: %w", err)
	}
	for range 100 {
		line := netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 18 + byte(rand.IntN(2)), byte(rand.IntN(256)), byte(4 * rand.IntN(64))}), 30)
		taken := false
		for _, a := range have {
			p, err := netip.ParsePrefix(a.String())
			taken = taken || err == nil && p.Overlaps(line)
		}
		if !taken {
			n.Public = line.Addr().Next()
			n.Router = n.Public.Next()
			return nil
		}
	}
	return errors.New("lab: NAT: no free addresses of 198.18.0.0/15")
}

// Close removes the home. Sockets in it stay open and reach nobody.
func (n *NAT) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(
		removeIf(ctx, "/sys/class/net/"+n.link, "ip link del "+n.link),
		removeIf(ctx, "/run/netns/"+n.router, "ip netns del "+n.router),
		removeIf(ctx, "/run/netns/"+n.home, "ip netns del "+n.home),
	)
}

// Do runs f in the home: sockets that f opens on its own goroutine are the phones'.
func (n *NAT) Do(f func() error) error { return n.within(n.home, f) }

func (n *NAT) within(name string, f func() error) error {
	runtime.LockOSThread()
	own, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("lab: NAT: %w", err)
	}
	defer func() {
		// A thread that cannot go back is not given to other goroutines: it ends with this one.
		if unix.Setns(own, unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		_ = unix.Close(own)
	}()
	fd, err := unix.Open("/run/netns/"+name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		err = unix.Setns(fd, unix.CLONE_NEWNET)
		_ = unix.Close(fd)
	}
	if err != nil {
		return fmt.Errorf("lab: NAT: entering %s: %w", name, err)
	}
	return f()
}

// ListenPacket opens a UDP socket of the home on a port of the system's choice.
func (n *NAT) ListenPacket() (c net.PacketConn, err error) {
	err = n.Do(func() (err error) {
		c, err = net.ListenPacket("udp4", net.JoinHostPort(n.Inside.String(), "0"))
		return err
	})
	return c, err
}

// Dial connects out of the home over TCP, to an IP address and port.
func (n *NAT) Dial(ctx context.Context, addr string) (c net.Conn, err error) {
	err = n.Do(func() (err error) {
		c, err = new(net.Dialer).DialContext(ctx, "tcp4", addr)
		return err
	})
	return c, err
}

// Command is a program that will run in the home.
func (n *NAT) Command(name string, args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", n.home, name}, args...)...)
}
