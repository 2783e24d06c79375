package client

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"blfbridge/bridge/config"
)

// ErrNoAdmin: the configuration has no admin API.
var ErrNoAdmin = errors.New("client: admin.listen is empty, so that the server has no admin API")

// FromConfig says how the admin API of a server with this configuration is reached from
// the same host. With TLS the server must show the very certificate of the
// configuration: its name may be any, as we come in by the address.
func FromConfig(c *config.Config) (Config, error) {
	if c.Admin.Listen == "" {
		return Config{}, ErrNoAdmin
	}
	host, port, err := net.SplitHostPort(c.Admin.Listen)
	if err != nil {
		return Config{}, fmt.Errorf("client: admin.listen: %w", err)
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip.Is6() {
			host = "::1"
		}
	}
	out := Config{URL: "http://" + net.JoinHostPort(host, port), Token: c.Admin.Token.Reveal()}
	if c.Admin.TLS.CertFile == "" {
		return out, nil
	}
	out.URL = "https://" + net.JoinHostPort(host, port)
	server, err := c.Admin.TLS.Config()
	if err != nil {
		return Config{}, err
	}
	want := server.Certificates[0].Certificate[0]
	out.TLS = &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // the certificate itself is compared instead
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 || !bytes.Equal(s.PeerCertificates[0].Raw, want) {
				return fmt.Errorf("the server does not show the certificate of %s", c.Admin.TLS.CertFile)
			}
			return nil
		},
	}
	return out, nil
}
