package edge

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/sipmsg"
	"blfbridge/bridge/sipua"
)

// Edge is the proxy. It is a sipua.Relay; its methods are safe for concurrent use.
type Edge struct {
	config  Config
	net     Network
	log     *slog.Logger
	metrics *metrics

	sealer   *sealer
	branches sipKey
	phones   sipKey

	peers     []*peer
	all       []*peer            // as they are tried without a route
	routes    map[string][]*peer // by domain
	byTenant  map[string][]*peer // nil = tenants do not count
	addresses atomic.Pointer[addresses]

	bindings *bindings
	dialogs  dialogs
	conns    connections
	shards   [shards]shard
	wheel    wheel
	away     away
	works    sync.Pool
}

var _ sipua.Relay = (*Edge)(nil)

// New checks the configuration. Nothing is sent before Run.
func New(c Config) (*Edge, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	m, err := newMetrics(c.Registerer)
	if err != nil {
		return nil, fmt.Errorf("edge: metrics: %w", err)
	}
	derive := func(what string) []byte {
		h := hmac.New(sha256.New, c.Key)
		_, _ = h.Write([]byte(what))
		return h.Sum(nil)
	}
	e := &Edge{
		config: c, net: c.Network, log: c.Logger, metrics: m,
		sealer: newSealer(derive("token")), branches: newSipKey(derive("branch")), phones: newSipKey(derive("phone")),
		routes: map[string][]*peer{},
	}
	e.bindings = newBindings(e.keep)
	e.dialogs.owner = map[uint64]dialog{}
	e.conns.ids = map[notifier.Flow]uint32{}
	e.away.phones = map[uint64][]*transaction{}
	e.wheel.time = time.Now()
	e.works.New = func() any { return new(work) }
	for i := range e.shards {
		e.shards[i].byKey = map[uint64]*transaction{}
	}
	byName := map[string]*peer{}
	for _, p := range c.PBX {
		one := newPeer(p)
		e.peers = append(e.peers, one)
		byName[p.Name] = one
	}
	e.all = e.peers
	for _, r := range c.Routes {
		for _, n := range r.PBX {
			e.routes[strings.ToLower(r.Domain)] = append(e.routes[strings.ToLower(r.Domain)], byName[n])
		}
	}
	if c.Tenant != nil && slices.ContainsFunc(c.PBX, func(p PBX) bool { return p.Tenant != "" }) {
		e.byTenant = map[string][]*peer{}
		for _, p := range e.peers {
			e.byTenant[p.Tenant] = append(e.byTenant[p.Tenant], p)
		}
	}
	e.readdress()
	for _, p := range e.peers {
		e.metrics.up.WithLabelValues(p.Name).Set(1)
		if err := e.resolve(context.Background(), p); err != nil {
			e.log.Warn("a PBX's SIP address cannot be resolved; it is tried again", "pbx", p.Name, "host", p.Host, "error", err)
		}
	}
	return e, nil
}

// Run keeps timers and asks PBXs whether they are there, until ctx ends.
func (e *Edge) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { e.runTimers(ctx) })
	wg.Go(func() { e.watchPeers(ctx) })
	wg.Wait()
	return nil
}

// Registered reports whether an address of record, user@host, is registered through the
// edge on that very flow. Host is compared in lower case.
func (e *Edge) Registered(f notifier.Flow, aor string) bool {
	return e.peerOf(f) == nil && e.bindings.registered(f, aor, time.Now())
}

// Registers is Registered, but waits for it until stop is closed or so long at most.
func (e *Edge) Registers(f notifier.Flow, aor string, stop <-chan struct{}, most time.Duration) bool {
	return e.peerOf(f) == nil && e.bindings.await(f, aor, stop, most)
}

// Up reports which PBXs answer.
func (e *Edge) Up() map[string]bool {
	out := map[string]bool{}
	for _, p := range e.peers {
		out[p.Name] = p.up.Load()
	}
	return out
}

// Take implements sipua.Relay. A panic is counted and the message lost.
func (e *Edge) Take(p sipua.Packet) (taken bool) {
	return !plainlyOurs(p.Msg) && e.read(p)
}

// read is Take of what must be read.
func (e *Edge) read(p sipua.Packet) (taken bool) {
	w := e.take()
	defer e.give(w)
	defer func() {
		if r := recover(); r != nil {
			e.panicked("a message", r)
			taken = true
		}
	}()
	if w.msg.Scan(p.Msg) != "" {
		return false // sipua says what is wrong with it
	}
	if w.msg.Request {
		return e.request(p, w)
	}
	return e.response(p, w)
}

func (e *Edge) panicked(what string, r any) {
	e.metrics.panics.Inc()
	e.log.Error("panic while "+what+" was relayed", "panic", r, "stack", string(debug.Stack()))
}

// recovered is deferred where a panic must not end the process.
func (e *Edge) recovered(what string) {
	if r := recover(); r != nil {
		e.panicked(what, r)
	}
}

func (e *Edge) take() *work {
	w := e.works.Get().(*work)
	w.reset()
	return w
}

func (e *Edge) give(w *work) {
	w.msg.Raw = nil
	e.works.Put(w)
}

// FlowClosed implements sipua.Relay.
func (e *Edge) FlowClosed(f notifier.Flow) {
	e.conns.forget(f)
	e.bindings.lose(f)
}

// FlowUp implements sipua.Relay.
func (e *Edge) FlowUp(f notifier.Flow) {
	e.connected(f)
	e.connects(f, true)
}

// FlowFailed implements sipua.Relay.
func (e *Edge) FlowFailed(f notifier.Flow) { e.connects(f, false) }

// host is what Via, Path and Record-Route name for a socket: to a PBX or to a phone.
func (e *Edge) host(toPBX bool, f notifier.Flow) string {
	if !toPBX {
		return e.net.Advertised(f.Local)
	}
	if e.config.Advertise == "" {
		return f.Local.String()
	}
	if _, _, ok := sipmsg.HostPort([]byte(e.config.Advertise)); ok && !strings.Contains(strings.TrimPrefix(e.config.Advertise, "["), ":") {
		return e.config.Advertise + ":" + strconv.Itoa(int(f.Local.Port()))
	}
	return e.config.Advertise
}

// connections numbers the stream connections that requests came by, so that a token of
// one does not fit the next that has its addresses.
type connections struct {
	mu  sync.Mutex // guards ids
	ids map[notifier.Flow]uint32
}

func (c *connections) forget(f notifier.Flow) {
	c.mu.Lock()
	delete(c.ids, f)
	c.mu.Unlock()
}
