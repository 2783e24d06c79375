// Package certs keeps a server's TLS certificates current: it reads them from files,
// notices when the files change (a renewal, a Kubernetes Secret whose symlink is swapped)
// and puts the new ones in force for the next handshake. Connections that stand are not
// touched. What cannot be used is logged with the key, the file and the fix, and the
// certificates in force stay.
package certs

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ErrFiles is wrapped by every error about the files.
var ErrFiles = errors.New("certs: the TLS files cannot be used")

// Pair is one certificate with its key.
type Pair struct {
	CertFile string // the chain, PEM, the server's own certificate first
	KeyFile  string // PEM, not encrypted
}

// Files says what is read.
type Files struct {
	// Key is the section of the configuration for messages: "sip.tls".
	Key string
	// Pairs has at least one; a client that names none of them gets the first.
	Pairs []Pair
	// ClientCAFile holds the authorities of clients' certificates, CAFile those of the
	// servers that we call; empty: none, and the host's.
	ClientCAFile, CAFile string
	ClientAuth           tls.ClientAuthType
	// MinVersion is tls.VersionTLS12 or later; 0 = TLS 1.2.
	MinVersion uint16
}

// Config is what New needs.
type Config struct {
	Files
	// Every is how often the files are looked at; 0 = 10 s.
	Every      time.Duration
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Keeper holds the certificates in force. It is safe for concurrent use.
type Keeper struct {
	log     *slog.Logger
	every   time.Duration
	metrics *metrics
	current atomic.Pointer[loaded]

	mu     sync.Mutex // guards what follows, and orders changes
	failed string     // the last complaint, so that it is logged once
	warned map[string]time.Time
}

// New reads the files; its error wraps ErrFiles and lists everything that is wrong.
func New(c Config) (*Keeper, error) {
	k := &Keeper{log: c.Logger, every: c.Every, warned: map[string]time.Time{}}
	if k.log == nil {
		k.log = slog.New(slog.DiscardHandler)
	}
	if k.every == 0 {
		k.every = 10 * time.Second
	}
	first, err := load(c.Files)
	if err != nil {
		return nil, err
	}
	if k.metrics, err = newMetrics(c.Registerer); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.put(first)
	k.warn(time.Now())
	return k, nil
}

// Server is the configuration of a TLS server, which takes the certificates in force at
// each handshake.
func (k *Keeper) Server() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return k.current.Load().server, nil },
	}
}

// Client is the configuration for a call to a server of that name, which is verified; the
// first certificate is ours, should it ask.
func (k *Keeper) Client(name string) *tls.Config {
	l := k.current.Load()
	return &tls.Config{
		MinVersion: l.server.MinVersion, ServerName: name, RootCAs: l.roots,
		Certificates: l.server.Certificates[:1],
	}
}

// Prepare reads files, which may be others than before, for commit to put in force.
func (k *Keeper) Prepare(f Files) (commit func(), err error) {
	next, err := load(f)
	if err != nil {
		return nil, err
	}
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.take(next)
	}, nil
}

// Run follows the files until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	tick := time.NewTicker(k.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			k.look()
			k.mu.Lock()
			k.warn(now)
			k.mu.Unlock()
		}
	}
}

// look reads the files again. The contents are compared, not times: a swapped symlink, a
// restored backup and a rewrite within the same second are changes like any other.
func (k *Keeper) look() {
	k.mu.Lock()
	defer k.mu.Unlock()
	next, err := load(k.current.Load().files)
	if err != nil {
		k.metrics.reloads.WithLabelValues("failed").Inc()
		if k.failed != err.Error() { // half of a renewal is mended by its other half
			k.failed = err.Error()
			k.log.Error("changed TLS files cannot be used; the certificates in force stay", "error", err)
		}
		return
	}
	k.failed = ""
	if next.sum != k.current.Load().sum {
		k.take(next)
	}
}

// take puts files in force. The lock is held.
func (k *Keeper) take(next *loaded) {
	if old := k.current.Load(); old.sum == next.sum && old.files.equal(next.files) {
		return
	}
	k.put(next)
	k.failed = ""
	k.metrics.reloads.WithLabelValues("ok").Inc()
	for _, l := range next.leaves {
		k.log.Info("certificate in force", "file", l.file, "names", l.names, "not_after", l.notAfter)
	}
	k.warned = map[string]time.Time{}
	k.warn(time.Now())
}

func (k *Keeper) put(l *loaded) {
	k.current.Store(l)
	k.metrics.expiry.Reset()
	for _, leaf := range l.leaves {
		k.metrics.expiry.WithLabelValues(leaf.file).Set(float64(leaf.notAfter.Unix()))
	}
}

func (f Files) equal(g Files) bool {
	same := slices.Equal(f.Pairs, g.Pairs)
	f.Pairs, g.Pairs = nil, nil
	return same && f.Key == g.Key && f.ClientCAFile == g.ClientCAFile && f.CAFile == g.CAFile &&
		f.ClientAuth == g.ClientAuth && f.MinVersion == g.MinVersion
}
