package certs

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"blfbridge/bridge/certs/certstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// served does a handshake with a keeper's configuration and returns the names of the
// certificate that the client saw.
func served(t *testing.T, k *Keeper, client *tls.Config) ([]string, error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	server := make(chan error, 1)
	go func() {
		a, err := ln.Accept()
		if err == nil {
			err = tls.Server(a, k.Server()).HandshakeContext(ctx)
			_ = a.Close()
		}
		server <- err
	}()
	b, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	client.InsecureSkipVerify = true
	c := tls.Client(b, client)
	if err := errors.Join(c.HandshakeContext(ctx), <-server); err != nil {
		return nil, err
	}
	return c.ConnectionState().PeerCertificates[0].DNSNames, nil
}

func keeper(t *testing.T, c Config) *Keeper {
	t.Helper()
	k, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestServerName(t *testing.T) {
	ca := certstest.New(t, "ca")
	one, oneKey := ca.Write(t, t.TempDir(), certstest.Leaf{Names: []string{"one.test"}})
	two, twoKey := ca.Write(t, t.TempDir(), certstest.Leaf{Names: []string{"two.test", "*.three.test"}})
	k := keeper(t, Config{Files: Files{Key: "sip.tls", Pairs: []Pair{{one, oneKey}, {two, twoKey}}}})
	for name, want := range map[string]string{"one.test": "one.test", "two.test": "two.test", "x.three.test": "two.test", "nobody.test": "one.test", "": "one.test"} {
		got, err := served(t, k, &tls.Config{ServerName: name})
		if err != nil || got[0] != want {
			t.Errorf("%q gets %v (%v), want %s", name, got, err, want)
		}
	}
}

func TestVersionsAndClients(t *testing.T) {
	ca, other := certstest.New(t, "ca"), certstest.New(t, "other")
	cert, key := ca.Write(t, t.TempDir(), certstest.Leaf{Names: []string{"one.test"}})
	pair := func(a *certstest.Authority) []tls.Certificate {
		c, k := a.Write(t, t.TempDir(), certstest.Leaf{CommonName: "phone"})
		p, err := tls.LoadX509KeyPair(c, k)
		if err != nil {
			t.Fatal(err)
		}
		return []tls.Certificate{p}
	}
	files := func(change func(*Files)) *Keeper {
		f := Files{Key: "sip.tls", Pairs: []Pair{{cert, key}}}
		change(&f)
		return keeper(t, Config{Files: f})
	}
	plain := files(func(*Files) {})
	new := files(func(f *Files) { f.MinVersion = tls.VersionTLS13 })
	request := files(func(f *Files) { f.ClientCAFile, f.ClientAuth = ca.File, tls.VerifyClientCertIfGiven })
	require := files(func(f *Files) { f.ClientCAFile, f.ClientAuth = ca.File, tls.RequireAndVerifyClientCert })
	for name, c := range map[string]struct {
		k      *Keeper
		client *tls.Config
		ok     bool
	}{
		"TLS 1.1":               {plain, &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}, false},
		"TLS 1.2":               {plain, &tls.Config{MaxVersion: tls.VersionTLS12}, true},
		"TLS 1.2 where too old": {new, &tls.Config{MaxVersion: tls.VersionTLS12}, false},
		"TLS 1.3":               {new, &tls.Config{}, true},
		"requested, none":       {request, &tls.Config{}, true},
		"requested, good":       {request, &tls.Config{Certificates: pair(ca)}, true},
		"requested, bad":        {request, &tls.Config{Certificates: pair(other)}, false},
		"required, none":        {require, &tls.Config{}, false},
		"required, good":        {require, &tls.Config{Certificates: pair(ca)}, true},
		"required, bad":         {require, &tls.Config{Certificates: pair(other)}, false},
	} {
		// A client certificate that its server would refuse is sent only when forced to.
		if certs := c.client.Certificates; len(certs) > 0 {
			c.client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certs[0], nil }
		}
		if _, err := served(t, c.k, c.client); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestErrorsNameTheFix: what stands in the log must be enough to mend it.
func TestErrorsNameTheFix(t *testing.T) {
	ca := certstest.New(t, "ca")
	dir := t.TempDir()
	cert, key := ca.Write(t, dir, certstest.Leaf{Names: []string{"one.test"}})
	_, otherKey := ca.Write(t, t.TempDir(), certstest.Leaf{Names: []string{"two.test"}})
	junk, locked := filepath.Join(dir, "junk.pem"), filepath.Join(dir, "locked.pem")
	for file, text := range map[string]string{junk: "hello", locked: "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		f    Files
		want []string
	}{
		"no file":       {Files{Pairs: []Pair{{cert + "x", key}}}, []string{"sip.tls.cert_file: " + cert + "x", "does not exist", "mount it"}},
		"folder":        {Files{Pairs: []Pair{{cert, dir}}}, []string{"sip.tls.key_file", dir, "is a directory"}},
		"no PEM":        {Files{Pairs: []Pair{{junk, key}}}, []string{"sip.tls.cert_file: " + junk, "openssl x509"}},
		"wrong key":     {Files{Pairs: []Pair{{cert, otherKey}}}, []string{"sip.tls.key_file: " + otherKey, cert, "name the key it was made with"}},
		"swapped":       {Files{Pairs: []Pair{{key, cert}}}, []string{"sip.tls.cert_file: " + key, "no PEM certificate"}},
		"encrypted key": {Files{Pairs: []Pair{{cert, locked}}}, []string{"sip.tls.key_file: " + locked, "openssl pkey"}},
		"key is junk":   {Files{Pairs: []Pair{{cert, junk}}}, []string{"sip.tls.cert_file: " + cert, junk, "PEM"}},
		"clients' CA":   {Files{Pairs: []Pair{{cert, key}}, ClientCAFile: junk}, []string{"sip.tls.client_ca_file: " + junk, "no PEM certificate"}},
		"no CA":         {Files{Pairs: []Pair{{cert, key}}, ClientAuth: tls.RequireAndVerifyClientCert}, []string{"sip.tls.client_ca_file: is missing"}},
		"servers' CA":   {Files{Pairs: []Pair{{cert, key}}, CAFile: key + "x"}, []string{"sip.tls.ca_file: " + key + "x", "does not exist"}},
		"nothing":       {Files{}, []string{"sip.tls.cert_file: is missing"}},
		"several": {Files{Pairs: []Pair{{cert, otherKey}, {junk, key}}, ClientCAFile: junk},
			[]string{"sip.tls.key_file: " + otherKey, "sip.tls.cert_file: " + junk, "sip.tls.client_ca_file: " + junk}},
	} {
		c.f.Key = "sip.tls"
		_, err := New(Config{Files: c.f})
		if !errors.Is(err, ErrFiles) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q is not in\n%v", name, w, err)
			}
		}
	}
}

// logText is a log that can be read while it is written.
type logText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logText) count(words string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), words)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

// TestSecretSwap renews a certificate the way the kubelet does: the files are symlinks
// through ..data, which is swapped for another folder.
func TestSecretSwap(t *testing.T) {
	ca, dir := certstest.New(t, "ca"), t.TempDir()
	put := func(name string) {
		t.Helper()
		folder := filepath.Join(dir, "..data_"+name)
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		ca.Write(t, folder, certstest.Leaf{Names: []string{name}})
		if err := os.Symlink(folder, filepath.Join(dir, "..tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	put("old.test")
	for _, f := range []string{"tls.crt", "tls.key"} {
		if err := os.Symlink(filepath.Join("..data", f), filepath.Join(dir, f)); err != nil {
			t.Fatal(err)
		}
	}
	certFile, keyFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	var log logText
	reg := prometheus.NewRegistry()
	k := keeper(t, Config{
		Files: Files{Key: "sip.tls", Pairs: []Pair{{certFile, keyFile}}}, Every: 5 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(&log, nil)), Registerer: reg,
	})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = k.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	put("new.test")
	eventually(t, "the renewed certificate is not served", func() bool {
		got, err := served(t, k, &tls.Config{})
		return err == nil && got[0] == "new.test"
	})
	// Half of a renewal: the key is another one's. What is in force stays, said once.
	link := func(to string) {
		t.Helper()
		if err := errors.Join(os.Symlink(to, keyFile+".new"), os.Rename(keyFile+".new", keyFile)); err != nil {
			t.Fatal(err)
		}
	}
	_, other := ca.Write(t, t.TempDir(), certstest.Leaf{Names: []string{"third.test"}})
	link(other)
	eventually(t, "a failed reload is not counted", func() bool { return testutil.ToFloat64(k.metrics.reloads.WithLabelValues("failed")) > 3 })
	if n := log.count("the certificates in force stay"); n != 1 {
		t.Errorf("said %d times:\n%s", n, &log.b)
	}
	if got, err := served(t, k, &tls.Config{}); err != nil || got[0] != "new.test" {
		t.Errorf("serves %v %v", got, err)
	}
	link(filepath.Join("..data", "tls.key"))
	put("last.test")
	eventually(t, "the mended certificate is not served", func() bool {
		got, err := served(t, k, &tls.Config{})
		return err == nil && got[0] == "last.test"
	})
	if n := testutil.ToFloat64(k.metrics.reloads.WithLabelValues("ok")); n != 2 {
		t.Errorf("%v reloads", n)
	}
}

func TestPrepare(t *testing.T) {
	ca := certstest.New(t, "ca")
	one, oneKey := ca.Write(t, t.TempDir(), certstest.Leaf{Names: []string{"one.test"}})
	two, twoKey := ca.Write(t, t.TempDir(), certstest.Leaf{Names: []string{"two.test"}})
	k := keeper(t, Config{Files: Files{Key: "sip.tls", Pairs: []Pair{{one, oneKey}}}})
	if _, err := k.Prepare(Files{Key: "sip.tls", Pairs: []Pair{{two, oneKey}}}); !errors.Is(err, ErrFiles) {
		t.Errorf("got %v", err)
	}
	commit, err := k.Prepare(Files{Key: "sip.tls", Pairs: []Pair{{two, twoKey}}})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := served(t, k, &tls.Config{}); err != nil || got[0] != "one.test" {
		t.Errorf("before commit: %v %v", got, err)
	}
	commit()
	if got, err := served(t, k, &tls.Config{}); err != nil || got[0] != "two.test" {
		t.Errorf("after commit: %v %v", got, err)
	}
	if c := k.Client("proxy.test"); c.ServerName != "proxy.test" || len(c.Certificates) != 1 || c.InsecureSkipVerify {
		t.Errorf("client %+v", c)
	}
}

func TestExpiry(t *testing.T) {
	ca, now, day := certstest.New(t, "ca"), time.Now(), 24*time.Hour
	for name, c := range map[string]struct {
		from, to time.Duration
		want     string
	}{
		"fresh":               {-day, 89 * day, ""},
		"renewal is due":      {-61 * day, 29 * day, ""},
		"thirteen days left":  {-77 * day, 13 * day, "expires soon"},
		"short-lived, fresh":  {-time.Hour, 5 * day, ""},
		"short-lived, to end": {-5 * day, day, "expires soon"},
		"expired":             {-90 * day, -time.Minute, "has expired"},
		"not yet":             {time.Hour, 90 * day, "not valid yet"},
	} {
		var log logText
		dir, reg := t.TempDir(), prometheus.NewRegistry()
		cert, key := ca.Write(t, dir, certstest.Leaf{Names: []string{"one.test"}, NotBefore: now.Add(c.from), NotAfter: now.Add(c.to)})
		k := keeper(t, Config{Files: Files{Key: "sip.tls", Pairs: []Pair{{cert, key}}}, Logger: slog.New(slog.NewTextHandler(&log, nil)), Registerer: reg})
		if got := testutil.ToFloat64(k.metrics.expiry.WithLabelValues(cert)); got != float64(now.Add(c.to).Unix()) {
			t.Errorf("%s: metric %v", name, got)
		}
		k.mu.Lock()
		k.warn(now.Add(time.Second)) // the same day
		k.mu.Unlock()
		troubles := k.Troubles(now)
		switch {
		case c.want == "" && (len(troubles) > 0 || log.count("certificate") > 0):
			t.Errorf("%s: %v\n%s", name, troubles, &log.b)
		case c.want != "" && (len(troubles) != 1 || !strings.Contains(troubles[0], c.want) || log.count(c.want) != 1 || log.count(cert) != 1 || log.count("sip.tls.cert_file") != 1):
			t.Errorf("%s: %v\n%s", name, troubles, &log.b)
		}
	}
}
