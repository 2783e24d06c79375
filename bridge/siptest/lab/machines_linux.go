package lab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"time"
)

// Machines are network namespaces, each with a link of its own to each of some sides. A side is
// a network that has this process in it: what listens at Here is what the machines find there.
// A link that is cut loses all packets, and tells nobody. Machines do not reach each other. Its
// methods are safe for concurrent use.
type Machines struct {
	nat   NAT // its names, and how to get rid of them
	count int
	sides []netip.Addr // ours; a machine's are 4 addresses further on each
}

// NewMachines makes so many machines and sides, after removing those of processes that are gone.
// It needs root, iproute2 and nftables. Close it.
func NewMachines(ctx context.Context, machines, sides int) (*Machines, error) {
	if err := removeStale(ctx); err != nil {
		return nil, err
	}
	var err error
	for range 5 { // another test may take the same networks in the same moment
		m := &Machines{count: machines}
		id := strconv.Itoa(rand.IntN(10000))
		m.nat = NAT{
			router: natPrefix + strconv.Itoa(os.Getpid()) + "r" + id, home: natPrefix + strconv.Itoa(os.Getpid()) + "h" + id,
			link: "bm" + strconv.FormatInt(int64(os.Getpid()), 36) + "x" + id, // at most 14 characters, and the side
		}
		if err = m.choose(sides); err == nil {
			err = m.build(ctx)
		}
		if err == nil {
			return m, nil
		}
		err = errors.Join(err, m.Close())
	}
	return nil, err
}

// choose finds a network for each side: one that overlaps with nothing here, of the network
// for benchmarks (RFC 2544).
func (m *Machines) choose(sides int) error {
	have, err := net.InterfaceAddrs()
	if err != nil {
		return fmt.Errorf("lab: machines: %w", err)
	}
	for range 1000 {
		if len(m.sides) == sides {
			return nil
		}
		here := netip.AddrFrom4([4]byte{198, 18 + byte(rand.IntN(2)), byte(rand.IntN(256)), 1})
		taken := func(a net.Addr) bool {
			p, err := netip.ParsePrefix(a.String())
			return err == nil && p.Overlaps(side(here))
		}
		if !slices.ContainsFunc(have, taken) && !slices.Contains(m.sides, here) {
			m.sides = append(m.sides, here)
		}
	}
	return errors.New("lab: machines: no free addresses of 198.18.0.0/15")
}

// side is the network of an address.
func side(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, 24) }

// build makes the router between all, and the links to it: to it, not to each other, because it
// alone drops without telling who sends.
func (m *Machines) build(ctx context.Context) error {
	in := "ip -n " + m.nat.router
	steps := []string{"ip netns add " + m.nat.router}
	for s, here := range m.sides {
		near, far := m.nat.link+strconv.Itoa(s), "here"+strconv.Itoa(s)
		gate := here.Next()
		steps = append(steps, "ip link add "+near+" type veth peer name "+far+" netns "+m.nat.router,
			"ip addr add "+side(here).String()+" dev "+near+" noprefixroute", "ip link set "+near+" up",
			in+" addr add "+gate.String()+"/30 dev "+far, in+" link set "+far+" up",
			"ip route add "+gate.String()+" dev "+near+" src "+here.String(),
			"ip route add "+side(here).Masked().String()+" via "+gate.String()+" src "+here.String())
	}
	for i := range m.count {
		home := "ip -n " + m.name(i)
		steps = append(steps, "ip netns add "+m.name(i), home+" link set lo up")
		for s, here := range m.sides {
			near, far, at := "eth"+strconv.Itoa(s), link(i, s), m.There(i, s)
			gate := at.Prev().String()
			steps = append(steps, in+" link add "+far+" type veth peer name "+near+" netns "+m.name(i),
				in+" addr add "+gate+"/30 dev "+far, in+" link set "+far+" up",
				home+" addr add "+at.String()+"/30 dev "+near, home+" link set "+near+" up",
				home+" route add "+here.String()+" via "+gate)
		}
	}
	for _, step := range steps {
		if err := runIn(ctx, step, ""); err != nil {
			return err
		}
	}
	if err := runIn(ctx, "ip netns exec "+m.nat.router+" nft -f -", `table ip wires {
	set cut { type ifname; }
	chain through {
		type filter hook forward priority filter;
		iifname @cut drop
		oifname @cut drop
	}
}
`); err != nil {
		return err
	}
	return m.nat.within(m.nat.router, func() error {
		if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0); err != nil {
			return fmt.Errorf("lab: machines: %w", err)
		}
		return nil
	})
}

func (m *Machines) name(i int) string { return m.nat.home + "m" + strconv.Itoa(i) }

// link is the router's end of the link of a machine to a side.
func link(i, s int) string { return fmt.Sprintf("m%ds%d", i, s) }

// Here is this process's address at a side.
func (m *Machines) Here(side int) netip.Addr { return m.sides[side] }

// There is a machine's address at a side.
func (m *Machines) There(machine, side int) netip.Addr {
	a := m.sides[side].As4()
	a[3] += byte(4*machine + 5)
	return netip.AddrFrom4(a)
}

// Command is a program that will run in a machine.
func (m *Machines) Command(machine int, name string, args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", m.name(machine), name}, args...)...)
}

// Cut cuts a machine's link to a side, or makes it whole again.
func (m *Machines) Cut(ctx context.Context, machine, side int, yes bool) error {
	do := map[bool]string{true: "add", false: "delete"}[yes]
	return runIn(ctx, "ip netns exec "+m.nat.router+" nft -f -", fmt.Sprintf("%s element ip wires cut { %q }\n", do, link(machine, side)))
}

// Close removes all. Sockets in it stay open and reach nobody.
func (m *Machines) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var errs []error
	remove := func(path, command string) { errs = append(errs, removeIf(ctx, path, command)) }
	for s := range m.sides {
		near := m.nat.link + strconv.Itoa(s)
		remove("/sys/class/net/"+near, "ip link del "+near)
	}
	remove("/run/netns/"+m.nat.router, "ip netns del "+m.nat.router)
	for i := range m.count {
		remove("/run/netns/"+m.name(i), "ip netns del "+m.name(i))
	}
	return errors.Join(errs...)
}
