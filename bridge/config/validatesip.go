package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// transports are those of sip.listen, with their standard ports (RFC 3261 §19.1.2, RFC 7118 §5).
var transports = map[string]uint16{"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 80, "wss": 443}

func (c *checker) sip(s *SIP) {
	c.listen(s)
	c.sipTLS(&s.TLS)
	for i, o := range s.WebSocket.Origins {
		if u, err := url.Parse(o); o != "*" && (err != nil || u.Scheme == "" || u.Host == "" || strings.Trim(u.Path, "/") != "") {
			c.bad(fmt.Sprintf("sip.websocket.origins[%d]", i), "write https://phone.example.com, without a path", "%q is not the origin of a web page", o)
		}
	}
	if s.Advertise != "" {
		if err := checkHost(s.Advertise); err != nil {
			c.bad("sip.advertise", "write host or host:port, without scheme", "%v", err)
		}
	}
	if s.Realm == "" || strings.ContainsAny(s.Realm, "\"\\\r\n") {
		c.bad("sip.realm", "write a name such as pbx.example.com", "%q cannot stand in a challenge", s.Realm)
	}
	// RFC 6665 §4.2.1.1: no 423 for an hour or more.
	c.between("sip.min_expires", s.MinExpires, time.Second, time.Hour)
	if s.MinExpires <= time.Hour {
		c.between("sip.max_expires", s.MaxExpires, max(s.MinExpires, time.Second), 1000*time.Hour)
	}
	if s.MaxExpires >= s.MinExpires {
		c.between("sip.default_expires", s.DefaultExpires, s.MinExpires, s.MaxExpires)
	}
	c.atLeast("sip.max_subscriptions", s.MaxSubscriptions, 1)
	for i, n := range s.TrustedNetworks {
		if !isNetwork(n) {
			c.bad(fmt.Sprintf("sip.trusted_networks[%d]", i), "write 192.0.2.0/24, 2001:db8::/32 or an address", "%q is not a network", n)
		}
	}
	for _, r := range []struct {
		key         string
		rate, burst int
	}{{"per_source", s.Rate.PerSource, s.Rate.PerSourceBurst}, {"per_tenant", s.Rate.PerTenant, s.Rate.PerTenantBurst}, {"total", s.Rate.Total, s.Rate.TotalBurst}} {
		c.atLeast("sip.rate."+r.key, r.rate, 0)
		c.atLeast("sip.rate."+r.key+"_burst", r.burst, 1)
	}
	c.atLeast("sip.rate.calm", s.Rate.Calm, 0)
	c.between("sip.notify.min_interval", s.Notify.MinInterval, 0, time.Hour)
	if s.Notify.Retries < 1 || s.Notify.Retries > 100 {
		c.bad("sip.notify.retries", "write 1 to 100", "%d is out of range", s.Notify.Retries)
	}
}

func (c *checker) listen(s *SIP) {
	if len(s.Listen) == 0 {
		c.bad("sip.listen", "write udp://0.0.0.0:5060", "is empty: no phone could subscribe")
	}
	seen, missing := map[string]int{}, len(s.TLS.CertFile) == 0
	for i, l := range s.Listen {
		at := fmt.Sprintf("sip.listen[%d]", i)
		network, addr, err := SplitListen(l)
		if err != nil {
			c.bad(at, "write udp://0.0.0.0:5060; tcp, tls, ws and wss go the same way", "%v", err)
			continue
		}
		if missing && (network == "tls" || network == "wss") {
			missing = false // said once
			c.bad("sip.tls.cert_file", "name the file of a certificate chain, PEM, and its key in sip.tls.key_file", "is missing; %s needs a certificate", at)
		}
		if network != "udp" {
			addr = "tcp" + addr // a TLS listener's port is a TCP port
		}
		if first, twice := seen[addr]; twice {
			c.bad(at, "keep one", "uses the same port as sip.listen[%d]", first)
		} else if !strings.HasSuffix(addr, ":0") {
			seen[addr] = i
		}
	}
}

// sipTLS checks sip.tls without looking into the files.
func (c *checker) sipTLS(t *SIPTLS) {
	if len(t.CertFile) != len(t.KeyFile) {
		c.bad("sip.tls.key_file", "name one key for each certificate, in the same order", "has %d files, cert_file has %d", len(t.KeyFile), len(t.CertFile))
	}
	if t.ClientAuth != "none" && t.ClientCAFile == "" {
		c.bad("sip.tls.client_ca_file", "name the file of the authorities of the clients' certificates", "is missing; client_auth is %s", t.ClientAuth)
	}
	if t.ClientAuth == "none" && t.ClientCAFile != "" {
		c.bad("sip.tls.client_auth", "write request or require, or leave client_ca_file out", "is none, but client_ca_file is set")
	}
}

// SplitListen takes an entry of sip.listen apart: "udp://0.0.0.0:5060" → "udp",
// "0.0.0.0:5060". The address is a literal IP; the port defaults to the transport's.
func SplitListen(s string) (transport, addr string, err error) {
	transport, addr, ok := strings.Cut(s, "://")
	switch {
	case !ok:
		return "", "", fmt.Errorf("%q has no transport", s)
	case transports[transport] == 0:
		return "", "", fmt.Errorf("%q: transport %s is not served", s, transport)
	}
	if ip, err := netip.ParseAddr(strings.Trim(addr, "[]")); err == nil {
		return transport, netip.AddrPortFrom(ip, transports[transport]).String(), nil
	}
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return "", "", fmt.Errorf("%q is not address:port with a literal address", addr)
	}
	return transport, ap.String(), nil
}

// checkHost checks host or host:port.
func checkHost(s string) error {
	host := s
	if h, port, err := net.SplitHostPort(s); err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("%q is not a port", port)
		}
		host = h
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return nil
	}
	if host == "" || len(host) > 253 || strings.ContainsFunc(host, func(r rune) bool {
		return r != '.' && r != '-' && r != '_' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z')
	}) {
		return fmt.Errorf("%q is not a host", host)
	}
	return nil
}

func isNetwork(s string) bool {
	if _, err := netip.ParsePrefix(s); err == nil {
		return true
	}
	_, err := netip.ParseAddr(s)
	return err == nil
}
