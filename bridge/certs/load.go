package certs

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"strings"
	"time"
)

// loaded is one consistent reading of the files; it does not change.
type loaded struct {
	files  Files
	sum    [sha256.Size]byte // of all that was read
	server *tls.Config
	roots  *x509.CertPool // of servers that we call; nil = the host's
	leaves []leaf
}

// leaf is what is known of one certificate.
type leaf struct {
	key, file string // sip.tls.cert_file, /etc/…
	names     []string
	notBefore time.Time
	notAfter  time.Time
}

// loader gathers what is wrong.
type loader struct {
	key  string
	sum  hash.Hash
	errs []error
}

// load reads and checks everything.
func load(f Files) (*loaded, error) {
	r := loader{key: f.Key, sum: sha256.New()}
	out := &loaded{files: f}
	c := &tls.Config{MinVersion: max(f.MinVersion, tls.VersionTLS12), ClientAuth: f.ClientAuth}
	for _, p := range f.Pairs {
		if cert, ok := r.pair(p); ok {
			c.Certificates = append(c.Certificates, cert)
			out.leaves = append(out.leaves, leafOf(f.Key, p.CertFile, cert.Leaf))
		}
	}
	if len(f.Pairs) == 0 {
		r.bad("cert_file", "is missing; name the file of the certificate chain, PEM, and its key in key_file")
	}
	if f.ClientCAFile != "" {
		c.ClientCAs = r.authorities("client_ca_file", f.ClientCAFile)
	}
	if f.ClientAuth != tls.NoClientCert {
		// A resumed session would keep the identity of a certificate that a changed list
		// of authorities has cut off.
		c.SessionTicketsDisabled = true
		if f.ClientCAFile == "" {
			r.bad("client_ca_file", "is missing; client_auth needs the authorities of the clients' certificates, PEM")
		}
	}
	if f.CAFile != "" {
		out.roots = r.authorities("ca_file", f.CAFile)
	}
	if len(r.errs) > 0 {
		return nil, errors.Join(r.errs...)
	}
	out.server = c
	r.sum.Sum(out.sum[:0])
	return out, nil
}

func (r *loader) bad(key, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("%w: %s.%s: "+format, append([]any{ErrFiles, r.key, key}, args...)...))
}

// read reads one file.
func (r *loader) read(key, file string) ([]byte, bool) {
	b, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.bad(key, "%s does not exist; write its full path, or mount it", file)
	case errors.Is(err, fs.ErrPermission):
		r.bad(key, "%s cannot be read by this user; change its owner or mode", file)
	case err != nil:
		r.bad(key, "%w; name a readable file", err)
	}
	_, _ = fmt.Fprintf(r.sum, "%s %d\n", key, len(b))
	_, _ = r.sum.Write(b)
	return b, err == nil
}

// pair reads a certificate and its key, and says what is wrong with them in words that
// tell what to do.
func (r *loader) pair(p Pair) (tls.Certificate, bool) {
	certPEM, ok1 := r.read("cert_file", p.CertFile)
	keyPEM, ok2 := r.read("key_file", p.KeyFile)
	if !ok1 || !ok2 {
		return tls.Certificate{}, false
	}
	if !strings.Contains(string(certPEM), "-----BEGIN CERTIFICATE-----") {
		r.bad("cert_file", "%s holds no PEM certificate; convert it with openssl x509 -outform pem", p.CertFile)
		return tls.Certificate{}, false
	}
	if strings.Contains(string(keyPEM), "ENCRYPTED") {
		r.bad("key_file", "%s is encrypted; write it without passphrase: openssl pkey -in %s -out key.pem", p.KeyFile, p.KeyFile)
		return tls.Certificate{}, false
	}
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	switch {
	case err == nil:
		return cert, true
	case strings.Contains(err.Error(), "does not match"):
		r.bad("key_file", "%s is not the key of the first certificate in %s; name the key it was made with, and put the server's own certificate first in the chain",
			p.KeyFile, p.CertFile)
	default:
		r.bad("cert_file", "%s with key_file %s: %w; both must be PEM, of one certificate", p.CertFile, p.KeyFile, err)
	}
	return tls.Certificate{}, false
}

func (r *loader) authorities(key, file string) *x509.CertPool {
	pem, ok := r.read(key, file)
	pool := x509.NewCertPool()
	if ok && !pool.AppendCertsFromPEM(pem) {
		r.bad(key, "%s holds no PEM certificate; convert it with openssl x509 -outform pem", file)
	}
	return pool
}
