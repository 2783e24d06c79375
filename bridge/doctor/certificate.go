package doctor

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// errCertificate is what every phone that looks at certificates would stumble over.
var errCertificate = errors.New("the certificate")

// expiresSoon is when a certificate that still holds is worth a word.
const expiresSoon = 14 * 24 * time.Hour

// judgeCertificate looks at a chain as a phone does that calls the server by host (empty:
// by any name); caFile is an authority of the house.
func judgeCertificate(chain []*x509.Certificate, host, caFile string) (note string, err error) {
	if len(chain) == 0 {
		return "", fmt.Errorf("%w is missing", errCertificate)
	}
	leaf, now := chain[0], time.Now()
	switch {
	case now.After(leaf.NotAfter):
		return "", fmt.Errorf("%w is over since %s", errCertificate, leaf.NotAfter.Format(time.DateOnly))
	case now.Before(leaf.NotBefore):
		return "", fmt.Errorf("%w holds only from %s on", errCertificate, leaf.NotBefore.Format(time.DateOnly))
	}
	if host != "" && leaf.VerifyHostname(host) != nil {
		return "", fmt.Errorf("%w is for %s, and phones call this server %s", errCertificate, namesOf(leaf), host)
	}
	note = "certificate for " + namesOf(leaf)
	if leaf.NotAfter.Sub(now) < expiresSoon {
		note += ", until " + leaf.NotAfter.Format(time.DateOnly) + " only"
	}
	roots, _ := x509.SystemCertPool()
	if roots == nil {
		roots = x509.NewCertPool()
	}
	if pem, err := os.ReadFile(caFile); err == nil {
		roots.AppendCertsFromPEM(pem)
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between}); err != nil {
		note += ", of an authority that this host does not know: phones must"
	}
	return note, nil
}

func namesOf(c *x509.Certificate) string {
	names := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no name (only CN=" + c.Subject.CommonName + ", which phones do not look at)"
	}
	return strings.Join(names, ", ")
}

// certificateFix says which file to renew.
func (d *Doctor) certificateFix(s *socket) string {
	fix := "put a certificate"
	if s.host != "" {
		fix += " for " + s.host
	}
	fix += " into " + strings.Join(s.config.CertFile, " or ") + " (" + d.key("sip.tls.cert_file") + "); it is taken over without a restart"
	if s.host != "" {
		fix += "; or set sip.advertise to the name that phones use"
	}
	return fix
}
