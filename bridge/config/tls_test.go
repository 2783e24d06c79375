package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// selfSigned writes a certificate for pbx.test that is its own authority.
func selfSigned(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "pbx.test"}, DNSNames: []string{"pbx.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(t.TempDir(), "tls.crt"), filepath.Join(t.TempDir(), "tls.key")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "EC PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestTLSBothWays(t *testing.T) {
	cert, key := selfSigned(t)
	server, err := TLS{CertFile: cert, KeyFile: key, ClientCAFile: cert}.Config()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		client TLSClient
		ok     bool
	}{
		"with certificate":    {TLSClient{CAFile: cert, ServerName: "pbx.test", CertFile: cert, KeyFile: key}, true},
		"without certificate": {TLSClient{CAFile: cert, ServerName: "pbx.test"}, false},
		"other name":          {TLSClient{CAFile: cert, ServerName: "other.test", CertFile: cert, KeyFile: key}, false},
		"unknown authority":   {TLSClient{ServerName: "pbx.test", CertFile: cert, KeyFile: key}, false},
		"not verified":        {TLSClient{InsecureSkipVerify: true, CertFile: cert, KeyFile: key}, true},
	} {
		client, err := c.client.Config()
		if err != nil {
			t.Fatal(err)
		}
		if err := handshake(server, client); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func handshake(server, client *tls.Config) error {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	served := make(chan error, 1)
	go func() {
		s := tls.Server(a, server)
		_, err := s.Write([]byte("x"))
		a.Close()
		served <- err
	}()
	c := tls.Client(b, client)
	_, err := io.ReadAll(c)
	b.Close()
	if serverErr := <-served; serverErr != nil {
		return serverErr
	}
	_ = err // the pipe is cut without close_notify
	return nil
}

func TestTLSFiles(t *testing.T) {
	cert, key := selfSigned(t)
	if c, err := (TLS{}).Config(); c != nil || err != nil {
		t.Errorf("nothing set: %v %v", c, err)
	}
	if c, err := (TLSClient{}).Config(); c != nil || err != nil {
		t.Errorf("nothing set: %v %v", c, err)
	}
	for _, make := range []func() (*tls.Config, error){
		TLS{CertFile: cert + "x", KeyFile: key}.Config,
		TLS{CertFile: cert, KeyFile: cert}.Config,
		TLS{CertFile: cert, KeyFile: key, ClientCAFile: key}.Config,
		TLSClient{CAFile: cert + "x"}.Config,
		TLSClient{CAFile: key}.Config,
		TLSClient{CertFile: cert + "x", KeyFile: key}.Config,
	} {
		if _, err := make(); err == nil || !strings.Contains(err.Error(), "tls.") {
			t.Errorf("the error names no file: %v", err)
		}
	}
}
