package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// build makes home, router and the lines between.
func (n *NAT) build(ctx context.Context, c NATConfig) error {
	ruleset := `table ip home {
	chain out { type nat hook postrouting priority srcnat; oifname "wan" masquerade fully-random; }
	chain through {
		type filter hook forward priority filter; policy drop;
		iifname "lan" accept
		ct state established,related accept
	}
}
`
	line := func(a netip.Addr) string { return a.String() + "/30" }
	for _, step := range []struct{ in, command, stdin string }{
		{"", "ip netns add " + n.router, ""},
		{"", "ip netns add " + n.home, ""},
		{"", "ip link add " + n.link + " type veth peer name wan netns " + n.router, ""},
		{"", "ip addr add " + line(n.Public) + " dev " + n.link, ""},
		{"", "ip link set " + n.link + " up", ""},
		{"", "ip -n " + n.router + " link add lan type veth peer name eth0 netns " + n.home, ""},
		{"", "ip -n " + n.router + " addr add " + line(n.Router) + " dev wan", ""},
		{"", "ip -n " + n.router + " addr add 10.99.0.1/24 dev lan", ""},
		{"", "ip -n " + n.router + " link set wan up", ""},
		{"", "ip -n " + n.router + " link set lan up", ""},
		{"", "ip -n " + n.home + " addr add " + n.Inside.String() + "/24 dev eth0", ""},
		{"", "ip -n " + n.home + " link set lo up", ""},
		{"", "ip -n " + n.home + " link set eth0 up", ""},
		{"", "ip -n " + n.home + " route add default via 10.99.0.1", ""},
		{n.router, "nft -f -", ruleset},
	} {
		command := step.command
		if step.in != "" {
			command = "ip netns exec " + step.in + " " + command
		}
		if err := runIn(ctx, command, step.stdin); err != nil {
			return err
		}
	}
	return n.within(n.router, func() error {
		udp, tcp := int(c.UDPTimeout.Seconds()), int(c.TCPTimeout.Seconds())
		for file, value := range map[string]int{
			"ipv4/ip_forward": 1, "netfilter/nf_conntrack_udp_timeout": udp, "netfilter/nf_conntrack_udp_timeout_stream": udp,
			"netfilter/nf_conntrack_tcp_timeout_established": tcp,
		} {
			if err := os.WriteFile("/proc/sys/net/"+file, []byte(strconv.Itoa(value)), 0); err != nil {
				return fmt.Errorf("lab: NAT: %w", err)
			}
		}
		return nil
	})
}

func removeIf(ctx context.Context, path, command string) error {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return runIn(ctx, command, "")
}

// removeStale removes the namespaces of processes that are gone; with a router its end of
// the line goes, and so ours.
func removeStale(ctx context.Context) error {
	all, err := os.ReadDir("/run/netns")
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("lab: NAT: %w", err)
	}
	for _, f := range all {
		rest, ours := strings.CutPrefix(f.Name(), natPrefix)
		end := strings.IndexAny(rest, "rh")
		if !ours || end < 0 {
			continue
		}
		pid, err := strconv.Atoi(rest[:end])
		if err != nil || !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			continue
		}
		// Another run may be doing the same.
		if err := runIn(ctx, "ip netns del "+f.Name(), ""); err != nil {
			if _, gone := os.Stat("/run/netns/" + f.Name()); !errors.Is(gone, os.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

func runIn(ctx context.Context, command, stdin string) error {
	words := strings.Fields(command)
	c := exec.CommandContext(ctx, words[0], words[1:]...)
	c.Stdin = strings.NewReader(stdin)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("lab: NAT: %s: %w: %s", command, err, strings.TrimSpace(string(out)))
	}
	return nil
}
