package config

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// edgeTransports are those of pbx[].sip.
var edgeTransports = map[string]uint16{"udp": 5060, "tcp": 5060, "tls": 5061}

func (c *checker) edge(all *Config) {
	e, pbx := &all.Edge, all.PBX
	withSIP := map[string]bool{}
	for i := range pbx {
		large := pbx[i].SIPLarge == "tcp"
		if pbx[i].SIP == "" {
			if large {
				c.bad(fmt.Sprintf("pbx[%d].sip_large", i), "set pbx[].sip, or leave it out", "needs a SIP address of the PBX")
			}
			continue
		}
		withSIP[pbx[i].Name] = true
		transport, _, _, err := SplitSIP(pbx[i].SIP)
		listens := func(transport string) bool {
			return slices.ContainsFunc(all.SIP.Listen, func(l string) bool { return strings.HasPrefix(l, transport+"://") })
		}
		switch {
		case err != nil:
			c.bad(fmt.Sprintf("pbx[%d].sip", i), "write udp://192.0.2.10:5060", "%v", err)
		case large && transport != "udp":
			c.bad(fmt.Sprintf("pbx[%d].sip_large", i), "leave it out", "is for a PBX reached by udp, and pbx[%d].sip says %s", i, transport)
		case e.Enabled && !listens(transport):
			c.bad(fmt.Sprintf("pbx[%d].sip", i), "add one of "+transport+" to sip.listen", "no socket of sip.listen could reach it by %s", transport)
		case e.Enabled && large && !listens("tcp"):
			c.bad(fmt.Sprintf("pbx[%d].sip_large", i), "add one of tcp to sip.listen", "no socket of sip.listen could reach it by tcp")
		}
	}
	if e.Enabled && len(withSIP) == 0 {
		c.bad("edge.enabled", "set pbx[].sip, such as udp://127.0.0.1:5060", "needs a PBX with a SIP address")
	}
	if n := len(e.Key); n > 0 && n < 32 {
		c.bad("edge.key", "write 32 characters or more, or leave it out", "%d characters are too few", n)
	}
	if e.Advertise != "" {
		if err := checkHost(e.Advertise); err != nil {
			c.bad("edge.advertise", "write host or host:port, without scheme", "%v", err)
		}
	}
	c.between("edge.check_interval", e.CheckInterval, time.Second, time.Hour)
	c.atLeast("edge.check_failures", e.CheckFailures, 1)
	domains := map[string]int{}
	for i, r := range e.Routes {
		at := fmt.Sprintf("edge.routes[%d]", i)
		domain := strings.ToLower(r.Domain)
		if first, twice := domains[domain]; twice && domain != "" {
			c.bad(at+".domain", "write all its PBXs in one entry", "stands in edge.routes[%d] too", first)
		} else {
			domains[domain] = i
		}
		for j, name := range r.PBX {
			if !withSIP[name] {
				c.bad(fmt.Sprintf("%s.pbx[%d]", at, j), "name an entry of pbx that has sip set", "no PBX with a SIP address is called %q", name)
			}
		}
	}
}

// SplitSIP takes pbx[].sip apart: "udp://pbx.example:5060" → "udp", "pbx.example", 5060.
// The port defaults to the transport's.
func SplitSIP(s string) (transport, host string, port uint16, err error) {
	transport, rest, ok := strings.Cut(s, "://")
	standard, known := edgeTransports[transport]
	switch {
	case !ok:
		return "", "", 0, fmt.Errorf("%q has no transport", s)
	case !known:
		return "", "", 0, fmt.Errorf("%q: PBXs are not reached by %s", s, transport)
	}
	if err := checkHost(rest); err != nil {
		return "", "", 0, err
	}
	if h, p, err := net.SplitHostPort(rest); err == nil {
		n, _ := strconv.ParseUint(p, 10, 16) // checkHost has read it
		return transport, h, uint16(n), nil
	}
	return transport, strings.Trim(rest, "[]"), standard, nil
}
