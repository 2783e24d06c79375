package lab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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
	id := strconv.Itoa(rand.IntN(10000))
	m := &Machines{count: machines, nat: NAT{
		router: natPrefix + strconv.Itoa(os.Getpid()) + "r" + id, home: natPrefix + strconv.Itoa(os.Getpid()) + "h" + id,
		link: "bm" + strconv.FormatInt(int64(os.Getpid()), 36) + "x" + id, // at most 14 characters, and the side
	}}
	err := m.choose(sides)
	if err == nil {
		err = m.build(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// choose finds a network for each side.
func (m *Machines) choose(sides int) error {
	for len(m.sides) < sides {
		one := NAT{}
		if err := one.choose(); err != nil {
			return err
		}
		a := one.Public.As4()
		a[3] = 1
		if addr := netip.AddrFrom4(a); !slices.Contains(m.sides, addr) {
			m.sides = append(m.sides, addr)
		}
	}
	return nil
}

// build makes the router between all, and the links to it: to it, not to each other, because it
// alone drops without telling who sends.
func (m *Machines) build(ctx context.Context) error {
	in := "ip -n " + m.nat.router
	steps := []string{"ip netns add " + m.nat.router}
	for s, here := range m.sides {
		near, far := m.nat.link+strconv.Itoa(s), "here"+strconv.Itoa(s)
		gate := here.Next()
		network := netip.PrefixFrom(here, 24).Masked().String()
		steps = append(steps, "ip link add "+near+" type veth peer name "+far+" netns "+m.nat.router,
			"ip addr add "+here.String()+"/30 dev "+near, "ip link set "+near+" up",
			in+" addr add "+gate.String()+"/30 dev "+far, in+" link set "+far+" up",
			"ip route add "+network+" via "+gate.String()+" src "+here.String())
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
