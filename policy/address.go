package policy

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Destination is where requests to a trunk are sent.
type Destination struct {
	// Host is a name or an IP address without brackets.
	Host string
	// Port is 0 if none was given.
	Port uint16
	// Transport is "udp", "tcp", "tls" or empty.
	Transport string
}

// String writes the destination as the document has it.
func (d Destination) String() string {
	s := d.Host
	switch {
	case d.Port != 0 && strings.Contains(s, ":"):
		s = fmt.Sprintf("[%s]:%d", s, d.Port)
	case d.Port != 0:
		s = fmt.Sprintf("%s:%d", s, d.Port)
	}
	if d.Transport != "" {
		s += ";transport=" + d.Transport
	}
	return s
}

func parseDestination(s string) (d Destination, ok bool) {
	s, param, has := strings.Cut(s, ";")
	if has {
		name, value, _ := strings.Cut(param, "=")
		d.Transport = strings.ToLower(value)
		if !strings.EqualFold(name, "transport") || d.Transport != "udp" && d.Transport != "tcp" && d.Transport != "tls" {
			return d, false
		}
	}
	d.Host = s
	if rest, bracket := strings.CutPrefix(s, "["); bracket {
		host, port, closed := strings.Cut(rest, "]")
		if !closed || port != "" && port[0] != ':' {
			return d, false
		}
		d.Host, s = host, strings.TrimPrefix(port, ":")
		if port == "" {
			return d, validHost(d.Host)
		}
	} else {
		if strings.Count(s, ":") != 1 {
			return d, validHost(d.Host)
		}
		d.Host, s, _ = strings.Cut(s, ":")
	}
	port, err := strconv.ParseUint(s, 10, 16)
	d.Port = uint16(port)
	return d, err == nil && port > 0 && validHost(d.Host)
}

func validHost(h string) bool {
	if strings.Contains(h, ":") {
		_, err := netip.ParseAddr(h)
		return err == nil
	}
	return h != "" && !strings.ContainsFunc(h, func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '.' && c != '_'
	})
}

// source is an address that a trunk's requests come from; port 0 is any.
type source struct {
	net  netip.Prefix
	port uint16
}

func parseSource(s string) (source, bool) {
	if p, err := parsePrefix(s); err == nil {
		return source{net: p}, true
	}
	ap, err := netip.ParseAddrPort(s)
	a := ap.Addr().Unmap()
	return source{netip.PrefixFrom(a, a.BitLen()), ap.Port()}, err == nil && ap.Port() != 0
}

// trunkSources are all addresses by which a valid trunk is recognised.
func trunkSources(t *Trunk) (out []source) {
	for _, a := range t.Addresses {
		if s, ok := parseSource(a); ok {
			out = append(out, s)
		}
	}
	for _, x := range t.Destinations {
		d, _ := parseDestination(x)
		if a, err := netip.ParseAddr(d.Host); err == nil {
			a = a.Unmap()
			out = append(out, source{net: netip.PrefixFrom(a, a.BitLen())})
		}
	}
	return out
}

// trunkDestinations are where a valid trunk's requests go.
func trunkDestinations(t *Trunk) (out []Destination) {
	for _, x := range t.Destinations {
		d, _ := parseDestination(x)
		out = append(out, d)
	}
	if len(out) > 0 {
		return out
	}
	for _, a := range t.Addresses {
		if s, ok := parseSource(a); ok && s.net.IsSingleIP() {
			out = append(out, Destination{Host: s.net.Addr().String(), Port: s.port})
		}
	}
	return out
}
