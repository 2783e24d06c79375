// Package admintest runs an admin server over the real parts of a bridge, without SIP:
// compositor, notifier in memory, and a policy in a bbolt file. For tests only.
package admintest

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	bolt "go.etcd.io/bbolt"

	"blfbridge/bridge/admin"
	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/compositor"
	"blfbridge/bridge/config"
	"blfbridge/bridge/device"
	"blfbridge/bridge/line"
	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
	"blfbridge/bridge/trace"
	"blfbridge/bridge/trunk"
	"blfbridge/policy"
	"blfbridge/policy/policystore"
)

// Token is admin.token of a rig.
const Token = "correct-horse-battery"

// Rig is a bridge without phones and PBXs: both are played by the test.
type Rig struct {
	*testing.T
	Compositor *compositor.Compositor
	Notifier   *notifier.Notifier
	Server     *admin.Server
	Registry   *prometheus.Registry
	// Trace is what debug presence listens to.
	Trace *trace.Hub
	// URL is where the server listens.
	URL string

	store   policystore.Store
	sinks   map[string]compositor.Sink
	serving *admin.Serving

	mu        sync.Mutex // guards what follows
	cfg       config.Config
	snapshot  *policy.Snapshot
	checks    []api.Check
	starting  bool
	reload    error
	reloads   int
	subscribe int
	waits     bool
	external  []trunk.Row
}

// external are the lines of other systems, as the test says.
type external struct{ r *Rig }

// Rows implements admin.External.
func (x external) Rows() []trunk.Row {
	x.r.mu.Lock()
	defer x.r.mu.Unlock()
	return x.r.external
}

// SetExternal says which lines of other systems are watched.
func (r *Rig) SetExternal(rows ...trunk.Row) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.external = rows
}

// Start runs a rig until the test ends; change may alter its configuration first.
func Start(t *testing.T, change func(*config.Config)) *Rig {
	t.Helper()
	r := &Rig{T: t, Registry: prometheus.NewRegistry(), Trace: trace.NewHub(), sinks: map[string]compositor.Sink{}, cfg: *config.Defaults()}
	r.cfg.Admin.Listen, r.cfg.Admin.Token = "127.0.0.1:0", Token
	if change != nil {
		change(&r.cfg)
	}
	r.checks = []api.Check{{Name: "sip", OK: true, Required: true}}
	db, err := bolt.Open(filepath.Join(t.TempDir(), "policy.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.store = policystore.NewBolt(db)
	r.snapshot, err = policy.Compile(&policy.Document{})
	if err != nil {
		t.Fatal(err)
	}
	r.Compositor = compositor.New(compositor.Config{
		Plan: line.Compile(r.snapshot, line.Config{}), Feed: func(b compositor.Batch) { r.Notifier.Changed(b) },
	})
	r.Notifier = notifier.New(notifier.Config{Lamps: r.Compositor, Transport: phones{r}, Loops: 1, Registerer: r.Registry})
	r.serving = &admin.Serving{Lamps: r.Compositor, Subscriptions: r.Notifier, External: external{r}, Snapshot: r.Snapshot, Mobility: mobility{r}}
	r.Server, err = admin.New(admin.Config{
		Backend: r, Version: "v1.2.3-test", Gatherer: r.Registry, Registerer: r.Registry, Logger: slog.New(slog.DiscardHandler), Trace: r.Trace,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Server.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.URL = r.Server.URL()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = r.Notifier.Run(ctx) })
	running.Go(func() {
		if err := r.Server.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	<-r.Notifier.Ready()
	return r
}

// phones answer every NOTIFY with 200.
type phones struct{ r *Rig }

var (
	branchForm = regexp.MustCompile(`branch=([^;\r]+)`)
	cseqForm   = regexp.MustCompile(`CSeq: (\d+) NOTIFY`)
)

// Send implements notifier.Transport.
func (p phones) Send(_ notifier.Flow, msg []byte) error {
	branch, cseq := branchForm.FindSubmatch(msg), cseqForm.FindSubmatch(msg)
	n, err := strconv.ParseUint(string(cseq[1]), 10, 32)
	if err != nil {
		return err
	}
	p.r.Notifier.Responses(notifier.Response{Branch: notifier.ParseBranch(branch[1]), CSeq: uint32(n), Status: 200})
	return nil
}

// Config implements admin.Backend.
func (r *Rig) Config() *config.Config {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.cfg
	return &c
}

// Serving implements admin.Backend.
func (r *Rig) Serving() *admin.Serving {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.starting {
		return nil
	}
	return r.serving
}

// Snapshot is the policy in force.
func (r *Rig) Snapshot() *policy.Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.snapshot
}

// Checks implements admin.Backend.
func (r *Rig) Checks(context.Context) []api.Check {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]api.Check(nil), r.checks...)
}

// Ours implements admin.Backend.
func (r *Rig) Ours(host string) bool { return host == "127.0.0.1" || host == "localhost" }

// Reload implements admin.Backend.
func (r *Rig) Reload(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reloads++
	return r.reload
}

// Policy implements admin.Backend.
func (r *Rig) Policy(ctx context.Context) (*policy.Document, uint64, error) { return r.store.Load(ctx) }

// EditPolicy implements admin.Backend.
func (r *Rig) EditPolicy(ctx context.Context, e policystore.Edit) (policystore.Edited, error) {
	var next *policy.Snapshot
	e.Check = func(d *policy.Document) (err error) {
		next, err = policy.Compile(d)
		return err
	}
	done, err := e.Apply(ctx, r.store)
	if err != nil || e.DryRun {
		return done, err
	}
	r.Compositor.SetPlan(line.Compile(next, line.Config{}))
	r.mu.Lock()
	r.snapshot = next
	r.mu.Unlock()
	mobility{r}.follow()
	return done, nil
}

// PolicyAudit implements admin.Backend.
func (r *Rig) PolicyAudit(ctx context.Context, limit int) ([]policystore.Entry, error) {
	return r.store.Audit(ctx, limit)
}

// SetChecks replaces what readiness looks at.
func (r *Rig) SetChecks(checks ...api.Check) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checks = checks
}

// SetStarting makes the rig one that does not serve yet.
func (r *Rig) SetStarting(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.starting = on
}

// SetToken changes admin.token, as a reload may.
func (r *Rig) SetToken(token string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cfg.Admin.Token = config.Secret(token)
}

// FailReload makes reloads fail with err; nil: succeed.
func (r *Rig) FailReload(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reload = err
}

// Reloads counts the reloads asked for.
func (r *Rig) Reloads() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reloads
}

// PBX makes a PBX report its devices.
func (r *Rig) PBX(name string, devices ...device.Status) {
	r.Helper()
	sink, ok := r.sinks[name]
	if !ok {
		var err error
		if sink, err = r.Compositor.Attach(name, compositor.SourceOptions{Grace: time.Minute}); err != nil {
			r.Fatal(err)
		}
		r.sinks[name] = sink
	}
	sink.Snapshot(devices)
}

// LosePBX takes the connection to a PBX away.
func (r *Rig) LosePBX(name, why string) { r.sinks[name].Down(errors.New(why)) }

// Sub is a subscription that Subscribe makes.
type Sub struct {
	Watcher, Number string
	// Kind is unknown by default; View number by default.
	Kind    policy.WatcherKind
	View    *policy.View
	Event   subscription.Package
	Expires time.Duration // an hour by default
}

// Subscribe makes a subscription and returns its id.
func (r *Rig) Subscribe(s Sub) string {
	r.Helper()
	r.mu.Lock()
	r.subscribe++
	n := r.subscribe
	r.mu.Unlock()
	local, remote := netip.MustParseAddrPort("127.0.0.1:5060"), netip.AddrPortFrom(netip.MustParseAddr("192.0.2.7"), uint16(5000+n))
	view := policy.ViewNumber
	if s.View != nil {
		view = *s.View
	}
	if s.Expires == 0 {
		s.Expires = time.Hour
	}
	answered := make(chan notifier.Answer, 1)
	r.Notifier.Subscribe(&notifier.Subscribe{
		CallID: "call-" + s.Watcher + "-" + s.Number + "-" + remote.String(), RemoteTag: "phone", CSeq: 1, Expires: s.Expires, Package: s.Event,
		Flow: notifier.Flow{Transport: subscription.UDP, Local: local, Remote: remote},
		Cold: subscription.Cold{
			LocalURI: "<sip:" + s.Number + "@pbx.test>", RemoteURI: `"Phone" <sip:` + s.Watcher + "@pbx.test>", RemoteTarget: "sip:" + s.Watcher + "@" + remote.String(),
			Transport: "UDP", Local: local.String(), Remote: remote.String(), Advertised: local.String(), Entity: "sip:" + s.Number + "@pbx.test", UserAgent: "Yealink SIP-T46U 108.86.0.20",
		},
		Watcher: policy.Watcher{Tenant: policy.DefaultTenant, Kind: s.Kind, ID: s.Watcher, Trusted: true},
		Decision: policy.Decision{
			Outcome: policy.Allowed, View: view, Pickup: view == policy.ViewNumber,
			Line: policy.Line{Tenant: policy.DefaultTenant, Number: s.Number},
		},
		Answer: func(a notifier.Answer) { answered <- a },
	})
	a := <-answered
	if a.Status != 200 {
		r.Fatalf("SUBSCRIBE of %s to %s: %d", s.Watcher, s.Number, a.Status)
	}
	return a.LocalTag
}
