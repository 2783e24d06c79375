// Package bridge is the embeddable application: it wires sources, compositor, policy,
// notifier, SIP and store together, and decides nothing itself.
package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"blfbridge/bridge/admin"
	"blfbridge/bridge/certs"
	"blfbridge/bridge/clock"
	"blfbridge/bridge/compositor"
	"blfbridge/bridge/config"
	"blfbridge/bridge/edge"
	"blfbridge/bridge/line"
	"blfbridge/bridge/notifier"
	"blfbridge/bridge/pickup"
	"blfbridge/bridge/sipua"
	"blfbridge/bridge/store"
	"blfbridge/bridge/subscription"
	"blfbridge/bridge/trace"
	"blfbridge/bridge/trunk"
	"blfbridge/policy/policystore"
)

// Options are what New needs.
type Options struct {
	// Config is checked already (config.Load).
	Config *config.Config
	// Source makes the source of one PBX of the configuration; the bridge itself knows no
	// adapter. It must not connect yet.
	Source func(config.PBX, *slog.Logger, prometheus.Registerer) (compositor.Source, error)
	// Level, if set, follows log.level at a reload.
	Level *slog.LevelVar
	// Reload reads the configuration again, for SIGHUP and REST; nil = cannot.
	Reload func() (*config.Config, error)
	// Version is shown by REST.
	Version string
	Logger  *slog.Logger
	// ListenUDP opens the UDP sockets: another network, such as one in memory. nil = net.ListenUDP.
	ListenUDP func(network string, addr *net.UDPAddr) (sipua.PacketConn, error)
	// Registry gets all metrics; nil makes one.
	Registry Registry
}

// Registry takes metrics in and gives them out; *prometheus.Registry is one.
type Registry interface {
	prometheus.Registerer
	prometheus.Gatherer
}

// Bridge is one running server.
type Bridge struct {
	opts     Options
	log      *slog.Logger
	trace    *trace.Hub
	registry Registry
	clock    *clock.Clock
	cfg      atomic.Pointer[config.Config]
	certs    *certs.Keeper // nil if sip.tls names none
	sip      *sipua.Server
	policy   *policyKeeper
	admin    *admin.Server // nil if admin.listen is empty

	// Set once by Run, before what uses them starts.
	backend   store.Backend
	committer *store.Committer
	policies  policystore.Store
	replicas  *replicas // nil if this process is alone
	lamps     *compositor.Compositor
	notifier  *notifier.Notifier
	edge      *edge.Edge // nil if edge.enabled is not set
	trunks    *trunk.Subscriber
	sources   *sourceSet
	offers    *pickup.Offers
	picker    *pickup.Picker // nil without the edge

	reloading sync.Mutex // one reload at a time
	serving   atomic.Bool
	leaving   atomic.Bool
	givenUp   chan struct{}          // closed: a stop waits for the store no more
	waiting   atomic.Pointer[string] // what the start waits for
}

// New checks the options and opens the SIP sockets; nothing is served before Run.
func New(o Options) (*Bridge, error) {
	b := &Bridge{opts: o, log: o.Logger, registry: o.Registry, clock: clock.New(time.Now()), givenUp: make(chan struct{})}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	b.trace = trace.NewHub()
	b.log = slog.New(b.trace.Handler(b.log.Handler()))
	if b.registry == nil {
		b.registry = prometheus.NewRegistry()
	}
	b.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	b.cfg.Store(o.Config)
	b.policy = newPolicyKeeper(b)
	sip, err := b.newSIP(o.Config)
	if err != nil {
		return nil, err
	}
	b.sip = sip
	if o.Config.Admin.Listen != "" {
		if b.admin, err = b.newAdmin(); err == nil {
			err = b.admin.Listen(context.Background())
		}
		if err != nil {
			return nil, errors.Join(err, sip.Close())
		}
	}
	return b, nil
}

// Gatherer is where the metrics are read.
func (b *Bridge) Gatherer() prometheus.Gatherer { return b.registry }

// Addrs are the SIP sockets.
func (b *Bridge) Addrs() []sipua.Listen { return b.sip.Addrs() }

// Config is the configuration in force.
func (b *Bridge) Config() *config.Config { return b.cfg.Load() }

// patience is how long the first SUBSCRIBEs wait for the PBXs, so that phones that come
// back after a restart are not shown unknown lamps first.
const patience = 3 * time.Second

// loadTime is how long requests wait at most for the stored subscriptions.
const loadTime = 10 * time.Second

// Run serves until ctx ends, then stops in order: outstanding NOTIFYs are finished, all
// is written, and no subscription is ended (DESIGN §4).
func (b *Bridge) Run(ctx context.Context) error {
	var stack cleanup
	unwatch := func() {}
	defer func() { unwatch() }() // after the stack
	defer stack.run(b.log)

	stack.add("sip sockets", func(context.Context) error { return b.sip.Close() })
	fail := make(chan error, 8)
	start := func(name string, run func(context.Context) error) {
		stack.add(name, background(name, run, fail))
	}
	if b.admin != nil {
		start("admin", b.admin.Run)
	}
	if err := b.openStore(ctx, &stack); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return nil
	}
	if err := b.preparePickup(ctx, b.cfg.Load()); err != nil {
		return err
	}
	if err := b.newNotifier(); err != nil {
		return err
	}
	b.sources = newSourceSet(b)
	if err := b.sources.apply(ctx, b.cfg.Load().PBX); err != nil {
		return err
	}
	external, ofEdge := b.restoreLamps(ctx)
	start("compositor", b.lamps.Run)
	stack.add("sources", func(context.Context) error { b.sources.stop(); return nil })
	b.sources.start()
	start("policy", b.policy.run)
	if b.cfg.Load().Edge.Enabled {
		if err := b.newEdge(ctx, ofEdge); err != nil {
			return err
		}
		b.sip.SetRelay(b.edge)
		start("edge", b.edge.Run)
	}
	if b.certs != nil {
		start("certificates", b.certs.Run)
	}
	b.wait(ctx, "the PBXs", patience, b.lamps.Heard)
	start("sip", b.serveSIP)
	start("trunk", b.trunks.Run)
	stopNotifier := background("notifier", b.notifier.Run, fail)
	stack.add("notifier", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTime(b.notifier.Total()))
		defer cancel()
		return stopNotifier(ctx)
	})
	if b.replicas != nil {
		start("shards", func(ctx context.Context) error { return b.replicas.shards.Run(ctx, b.notifier) })
	}
	start("external lines", func(ctx context.Context) error { return b.settleExternal(ctx, external) })
	b.serving.Store(true)
	select {
	case <-ctx.Done():
		b.log.Info("stopping: subscriptions stay for the next process")
		b.leaving.Store(true)
		unwatch = b.watchStore()
		if b.replicas != nil {
			b.handOver()
		}
		return nil
	case err := <-fail:
		return err
	}
}

// serveSIP reads no request before the stored subscriptions are back: a refresh would find
// nothing, and a new subscription could be granted for a short while only.
func (b *Bridge) serveSIP(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return b.sip.Close()
	case <-b.notifier.Ready():
	case <-time.After(loadTime):
	}
	return b.sip.Run(ctx)
}

// wait waits until ready says so, the time is over or ctx ends.
func (b *Bridge) wait(ctx context.Context, what string, most time.Duration, ready func() bool) {
	b.waiting.Store(&what)
	defer b.waiting.Store(nil)
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ready() {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// openStore opens the store and reads the policy; while the store is away it waits,
// because nobody may be granted anything before the policy is known.
func (b *Bridge) openStore(ctx context.Context, stack *cleanup) error {
	cfg := b.cfg.Load()
	what := "the store"
	b.waiting.Store(&what)
	defer b.waiting.Store(nil)
	for pause := 500 * time.Millisecond; ; pause = min(2*pause, 10*time.Second) {
		err := b.tryStore(ctx, cfg)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return nil
		}
		if !errors.Is(err, store.ErrAway) || cfg.Store.Type != "redis" {
			return err // begins with "store:" or names the policy
		}
		b.log.Warn("the store is away; serving begins when it answers", "error", err, "again_in", pause)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
	stack.add("store", func(context.Context) error { return b.backend.Close() })
	if cfg.Replicas.Enabled {
		b.replicas = b.newReplicas(cfg)
		stack.add("replicas", func(ctx context.Context) error {
			ctx, cancel := b.unlessGivenUp(ctx, leaveTime)
			defer cancel()
			return b.replicas.leave(ctx)
		})
	}
	stack.add("committer", func(ctx context.Context) error {
		ctx, cancel := b.unlessGivenUp(ctx, writeTime(b.committer.Pending()))
		defer cancel()
		return b.committer.Close(ctx)
	})
	return b.joinReplicas(ctx)
}

func (b *Bridge) tryStore(ctx context.Context, cfg *config.Config) error {
	registry := prometheus.NewRegistry() // of this try only
	sc, err := storeConfig(cfg, b.log, registry)
	if err != nil {
		return err
	}
	backend, err := store.Open(ctx, sc)
	if err != nil {
		return err
	}
	policies := policyStore(backend, cfg, b.log)
	if err := b.readPolicy(ctx, policies); err != nil {
		return errors.Join(err, backend.Close())
	}
	b.registry.MustRegister(registry)
	b.backend, b.policies = backend, policies
	b.committer = store.NewCommitter(backend, store.CommitterConfig{
		Gather: storeGather, Logger: b.log, Registerer: b.registry,
		OnAway: func(away bool) {
			if !away {
				b.log.Info("the store is back; what was kept is written")
				if b.serving.Load() {
					b.notifier.Rewrite()
				}
			}
		},
	})
	return nil
}

// startLamps makes compositor and notifier with the first plan.
func (b *Bridge) startLamps(plan *line.Plan) {
	b.lamps = compositor.New(compositor.Config{
		Plan: plan, Logger: b.log, Registerer: b.registry,
		Feed:      func(batch compositor.Batch) { b.notifier.Changed(batch) },
		Keep:      b.keepLamp,
		NewDomain: b.policy.addDomain, MayPickUp: b.mayPickUp,
	})
}

// newNotifier makes the notifier; the store is open.
func (b *Bridge) newNotifier() error {
	cfg := b.cfg.Load()
	rules := subscription.DefaultRules
	rules.MinInterval = cfg.SIP.Notify.MinInterval.Milliseconds()
	if cfg.SIP.Notify.Retries > 0 {
		rules.MaxFailures = uint8(min(cfg.SIP.Notify.Retries, 255))
	}
	if err := b.newTrunks(); err != nil {
		return err
	}
	host, _ := os.Hostname()
	nc := notifier.Config{
		Lamps: b.lamps, Transport: b.sip, Backend: b.backend, Committer: b.committer,
		Owner: fmt.Sprintf("%s/%d", host, os.Getpid()), Rules: rules, Clock: b.clock, Logger: b.log, Registerer: b.registry,
		Decide: b.policy.decideRestored, Offer: b.offers.Offer, External: b.trunks,
	}
	if b.replicas != nil {
		nc.Shared = b.replicas.shards
	}
	b.notifier = notifier.New(nc)
	b.sip.SetNotifier(sipSide{b.notifier, b.trunks})
	b.sip.SetSubscriber(b.trunks)
	return nil
}

// storeGather is how long a SUBSCRIBE of a storm waits for others at most: as long as a good
// disk takes to make a group durable.
const storeGather = 2 * time.Millisecond
