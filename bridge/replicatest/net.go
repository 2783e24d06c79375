package replicatest

import (
	"net"
	"net/netip"
	"os/exec"
)

// The sides that a replica has a link to in a network of its own.
const (
	// SideRedis has Redis.
	SideRedis = iota
	// SidePhones has the phones.
	SidePhones
	// SidePBX has the PBX, and the operator.
	SidePBX
	// Sides is how many there are.
	Sides
)

// Net is where replicas run in networks of their own (lab.Machines).
type Net interface {
	// Here is the address of the test at a side, There a replica's.
	Here(side int) netip.Addr
	There(replica, side int) netip.Addr
	// Command is a program that will run in a replica's network.
	Command(replica int, name string, args ...string) *exec.Cmd
}

// here is where a side's servers and phones listen.
func (c *Config) here(side int) string {
	if c.Net == nil {
		return "127.0.0.1"
	}
	return c.Net.Here(side).String()
}

// redisArgs let Redis be found from the replicas' networks.
func (c *Config) redisArgs() []string {
	if c.Net == nil {
		return nil
	}
	return []string{"--bind", "127.0.0.1", c.here(SideRedis), "--protected-mode", "no"}
}

// place gives a replica a network of its own.
func (f *Fleet) place(i int, r *Replica) {
	n := f.Config.Net
	r.SIP = net.JoinHostPort(n.There(i, SidePhones).String(), "5060")
	r.Admin = net.JoinHostPort(n.There(i, SidePBX).String(), "8080")
	r.command = func(name string, args ...string) *exec.Cmd { return n.Command(i, name, args...) }
}

// ways are the addresses at which a replica finds the PBX and the Redis that New started.
func (f *Fleet) ways(r *Replica) (pbx, redis string) {
	if f.Config.Net == nil {
		if r.Redis != nil {
			redis = r.Redis.Addr()
		}
		return r.PBX.Addr(), redis
	}
	if f.Server != nil {
		_, port, _ := net.SplitHostPort(f.Server.Addr()) // our own server's
		redis = net.JoinHostPort(f.Config.here(SideRedis), port)
	}
	return f.PBX.Addr(), redis
}
