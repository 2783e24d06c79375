package sipua

import (
	"crypto/tls"
	"slices"
	"strings"

	"blfbridge/bridge/notifier"
)

// verifiedNames are the subject names of the peer's certificate if it was verified: the
// common name, DNS names, addresses and URIs; of a SIP URI without a user (RFC 5922 §7.1)
// also its host. Lower case, each once.
func verifiedNames(c tls.ConnectionState) []string {
	if len(c.VerifiedChains) == 0 || len(c.PeerCertificates) == 0 {
		return nil
	}
	cert := c.PeerCertificates[0]
	var names []string
	add := func(name string) {
		if name = strings.ToLower(name); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	add(cert.Subject.CommonName)
	for _, n := range cert.DNSNames {
		add(n)
	}
	for _, ip := range cert.IPAddresses {
		add(ip.String())
	}
	for _, u := range cert.URIs {
		add(u.String())
		if s, ok := parseURI(u.String()); ok && s.user == "" && (s.scheme == "sip" || s.scheme == "sips") {
			add(s.host)
		}
	}
	return names
}

// CertificateNames are the verified subject names of the peer at the other end of a flow:
// common name and subject alternative names, lower case. nil if the flow is gone, not
// TLS or WSS, or its peer showed no certificate that was verified.
func (s *Server) CertificateNames(f notifier.Flow) []string {
	if c := s.streams.find(f); c != nil {
		return c.names
	}
	return nil
}
