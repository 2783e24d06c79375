package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"blfbridge/bridge/certs"
)

// Files are what the section names, for package certs. They are empty if no certificate is set.
func (t SIPTLS) Files() certs.Files {
	f := certs.Files{Key: "sip.tls", ClientCAFile: t.ClientCAFile, CAFile: t.CAFile, MinVersion: tls.VersionTLS12}
	for i := range min(len(t.CertFile), len(t.KeyFile)) {
		f.Pairs = append(f.Pairs, certs.Pair{CertFile: t.CertFile[i], KeyFile: t.KeyFile[i]})
	}
	if t.MinVersion == "1.3" {
		f.MinVersion = tls.VersionTLS13
	}
	switch t.ClientAuth {
	case "request":
		f.ClientAuth = tls.VerifyClientCertIfGiven
	case "require":
		f.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return f
}

// Config loads the certificate, for TLS 1.2 and newer. It is nil if none is set.
func (t TLS) Config() (*tls.Config, error) {
	if t.CertFile == "" {
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("config: certificate %s with key %s: %w", t.CertFile, t.KeyFile, err)
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}}
	if t.ClientCAFile != "" {
		if c.ClientCAs, err = readCAs(t.ClientCAFile); err != nil {
			return nil, err
		}
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c, nil
}

// Config loads what the section names, for TLS 1.2 and newer. It is nil if nothing is set.
func (t TLSClient) Config() (*tls.Config, error) {
	if t == (TLSClient{}) {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName, InsecureSkipVerify: t.InsecureSkipVerify}
	var err error
	if t.CAFile != "" {
		if c.RootCAs, err = readCAs(t.CAFile); err != nil {
			return nil, err
		}
	}
	if t.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("config: certificate %s with key %s: %w", t.CertFile, t.KeyFile, err)
		}
		c.Certificates = []tls.Certificate{cert}
	}
	return c, nil
}

func readCAs(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("config: authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("config: authorities: %s holds no PEM certificate", file)
	}
	return pool, nil
}
