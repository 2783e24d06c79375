package bridge_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"blfbridge/bridge"
	"blfbridge/bridge/certs/certstest"
	"blfbridge/bridge/compositor"
	"blfbridge/bridge/config"
	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest/ladder"
)

// handPBX is a source that reports what the ladder says.
type handPBX struct {
	mu      sync.Mutex // guards what follows
	devices map[string]device.Status
	sink    compositor.Sink
	up      bool
}

func newHandPBX(lines ...string) *handPBX {
	p := &handPBX{devices: map[string]device.Status{}, up: true}
	for _, l := range lines {
		p.devices["PJSIP/"+l] = device.Status{Name: "PJSIP/" + l, Number: l, State: device.Idle}
	}
	return p
}

// Name implements compositor.Source.
func (p *handPBX) Name() string { return "pbx" }

// Run implements compositor.Source.
func (p *handPBX) Run(ctx context.Context, sink compositor.Sink) error {
	p.mu.Lock()
	p.sink = sink
	if p.up {
		sink.Snapshot(p.all())
	}
	p.mu.Unlock()
	<-ctx.Done()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sink = nil
	return nil
}

func (p *handPBX) all() (out []device.Status) {
	for _, d := range p.devices {
		out = append(out, d)
	}
	return out
}

// report carries out a "pbx" line. LINE may be 101, 101+ (a second call of the same
// phone) or 101/b (another phone with the same number).
func (p *handPBX) report(s ladder.PBX) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case s.Down:
		p.up = false
		if p.sink != nil {
			p.sink.Down(fmt.Errorf("the ladder says so"))
		}
		return
	case s.Up:
		p.up = true
		if p.sink != nil {
			p.sink.Snapshot(p.all())
		}
		return
	}
	number, second := strings.CutSuffix(s.Line, "+")
	number, twin, _ := strings.Cut(number, "/")
	d := device.Status{Name: "PJSIP/" + number + twin, Number: number, State: s.State}
	call := device.Call{ID: d.Name + "/1", Direction: device.Recipient, Remote: device.Party{Number: s.From, Name: s.Name}}
	switch {
	case s.DND != nil:
		d = device.Status{Name: "Custom:DND" + number, Kind: device.DNDFlag, Number: number, DND: *s.DND}
	case s.Held:
		call.Phase = device.Held
	case s.State == device.Ringing:
		call.Phase = device.Early
	case s.State == device.Busy:
		call.Phase = device.Confirmed
	}
	if call.Phase != device.Trying {
		d.Calls = []device.Call{call}
	}
	if first := p.devices[d.Name].Calls; second {
		call.ID = d.Name + "/2"
		d.Calls = append(append([]device.Call(nil), first[:min(1, len(first))]...), call)
		if s.State == device.Idle {
			d.Calls = d.Calls[:len(d.Calls)-1]
		}
		d.State, _ = device.StateOfCalls(d.Calls)
	}
	p.devices[d.Name] = d
	if p.sink != nil && p.up {
		p.sink.Change(d)
	}
}

// world is a bridge under test with its PBX.
type world struct {
	t      *testing.T
	dir    string
	cfg    *config.Config
	pbx    *handPBX
	net    *memNet // nil: real sockets
	listen []string
	log    *bytes.Buffer
	ca     *certstest.Authority // once secure
	trust  *tls.Config          // of phones, once secure

	registry *prometheus.Registry // of the bridge that runs

	b      *bridge.Bridge
	cancel context.CancelFunc
	done   chan error
}

func newWorld(t *testing.T, mem *memNet, listen ...string) *world {
	w := &world{t: t, dir: t.TempDir(), pbx: newHandPBX("101", "102", "103"), net: mem, listen: listen, log: &bytes.Buffer{}}
	cfg := config.Defaults()
	cfg.Admin.Listen = ""
	cfg.Store.Path = filepath.Join(w.dir, "a.db")
	p := config.DefaultPBX()
	p.Name, p.Type, p.URL = "pbx", "asterisk", "http://127.0.0.1:1"
	cfg.PBX = []config.PBX{p}
	w.cfg = cfg
	return w
}

// secure gives the bridge a certificate.
func (w *world) secure() {
	w.ca = certstest.New(w.t, "ca")
	w.trust = &tls.Config{RootCAs: w.ca.Pool()}
	cert, key := w.ca.Write(w.t, w.dir, certstest.Leaf{Names: []string{"127.0.0.1"}})
	w.cfg.SIP.TLS.CertFile, w.cfg.SIP.TLS.KeyFile = []string{cert}, []string{key}
}

// lockedWriter lets loggers of several goroutines share a buffer.
type lockedWriter struct {
	mu sync.Mutex
	b  *bytes.Buffer
}

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *world) start() error {
	cfg := *w.cfg
	cfg.SIP.Listen = w.listen
	w.registry = prometheus.NewRegistry()
	o := bridge.Options{
		Config: &cfg, Registry: w.registry,
		Source: func(config.PBX, *slog.Logger, prometheus.Registerer) (compositor.Source, error) { return w.pbx, nil },
		Reload: func() (*config.Config, error) { c := *w.cfg; c.SIP.Listen = cfg.SIP.Listen; return &c, nil },
		Logger: slog.New(slog.NewTextHandler(&lockedWriter{b: w.log}, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if w.net != nil {
		o.ListenUDP = w.net.listenUDP
	}
	b, err := bridge.New(o)
	if err != nil {
		return err
	}
	w.listen = nil // the same ports at a restart
	for _, l := range b.Addrs() {
		w.listen = append(w.listen, strings.ToLower(l.Transport.String())+"://"+l.Addr.String())
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.b, w.cancel, w.done = b, cancel, make(chan error, 1)
	go func() { w.done <- b.Run(ctx) }()
	return nil
}

// stop is a SIGTERM.
func (w *world) stop() error {
	if w.b == nil {
		return nil
	}
	w.cancel()
	w.b = nil
	return <-w.done
}

// crash is a SIGKILL: what is not on the disk is lost, and nothing leaves any more.
// Virtual time stands still meanwhile, so that the files can be copied.
func (w *world) crash() error {
	for _, l := range w.b.Addrs() {
		w.net.cut(l.Addr)
	}
	from := w.cfg.Store.Path
	w.cfg.Store.Path += "x"
	for _, file := range []string{"", ".journal-0", ".journal-1"} {
		data, err := os.ReadFile(from + file)
		if errors.Is(err, os.ErrNotExist) && file != "" {
			continue
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(w.cfg.Store.Path+file, data, 0o600); err != nil {
			return err
		}
	}
	return w.stop()
}

// policy puts a document of testdata/ladders/policies in force.
func (w *world) policy(name string) error {
	data, err := os.ReadFile(filepath.Join("testdata", "ladders", "policies", name+".yaml"))
	if err != nil {
		return err
	}
	w.cfg.Policy.File = filepath.Join(w.dir, "policy.yaml")
	if err := os.WriteFile(w.cfg.Policy.File, data, 0o600); err != nil {
		return err
	}
	if w.b == nil {
		return nil
	}
	return w.b.Reload(context.Background())
}

// set changes the configuration before the start.
func (w *world) set(words []string) error {
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		d, err := time.ParseDuration(value)
		switch key {
		case "grace":
			w.cfg.PBX[0].Grace = d
		case "min_interval":
			w.cfg.SIP.Notify.MinInterval = d
		case "max_subscriptions":
			_, err = fmt.Sscan(value, &w.cfg.SIP.MaxSubscriptions)
		default:
			err = fmt.Errorf("no such setting")
		}
		if err != nil {
			return fmt.Errorf("bridge set %s: %w", word, err)
		}
	}
	return nil
}

// addr is where the phones of a transport find the bridge.
func (w *world) addr(transport string) netip.AddrPort {
	for _, l := range w.b.Addrs() {
		if l.Transport.String() == transport {
			return l.Addr
		}
	}
	w.t.Fatalf("the bridge does not listen on %s", transport)
	return netip.AddrPort{}
}
