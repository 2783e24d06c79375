package esl

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"blfbridge/adapters/replay"
	"blfbridge/bridge/compositor"
	"blfbridge/bridge/device"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// board is a Sink: what a compositor would show, and all it has ever shown.
type board struct {
	mu        sync.Mutex
	now       map[string]device.Status
	history   map[string][]string // distinct states of each device, in order
	problems  []string
	snapshots int
	repairs   []string
	downs     []error
}

func newBoard() *board {
	return &board{now: map[string]device.Status{}, history: map[string][]string{}}
}

func (b *board) Snapshot(all []device.Status) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.snapshots++
	clear(b.now)
	for _, s := range all {
		if _, dup := b.now[s.Name]; dup {
			b.problems = append(b.problems, "twice in the snapshot: "+s.Name)
		}
		b.put(s)
	}
}

func (b *board) Change(s device.Status) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.snapshots == 0 {
		b.problems = append(b.problems, "change before the first snapshot: "+s.Name)
	}
	if old, ok := b.now[s.Name]; ok && old.Equal(s) {
		b.problems = append(b.problems, "change that changes nothing: "+s.Name)
	}
	b.put(s)
}

func (b *board) Repair(s device.Status) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.repairs = append(b.repairs, s.Name)
	b.put(s)
}

func (b *board) Remove(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.now, name)
	b.history[name] = append(b.history[name], "absent")
}

func (b *board) Down(why error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.downs = append(b.downs, why)
}

// put stores s and checks what must hold of every status there is.
func (b *board) put(s device.Status) {
	b.now[s.Name] = s
	if h := b.history[s.Name]; len(h) == 0 || h[len(h)-1] != shown(s, true) {
		b.history[s.Name] = append(h, shown(s, true))
	}
	bad := func(what string) { b.problems = append(b.problems, s.Name+": "+what) }
	if s.At.IsZero() {
		bad("no time")
	}
	if st, ok := device.StateOfCalls(s.Calls); s.Kind == device.Phone && ok && st != s.State {
		bad("state " + s.State.String() + " is not that of its calls")
	}
	if s.State == device.DND || s.Number == "" {
		bad("state or number is not valid")
	}
	for _, c := range s.Calls {
		if c.Remote.Name == noName {
			bad("shows the name Outbound Call")
		}
		if c.Direction == device.Initiator && c.Dialog != (device.SIPDialog{}) {
			bad("offers the caller's leg for Replaces")
		}
		if c.ID == "" || c.Phase == device.Terminated {
			bad("a call without id, or ended")
		}
	}
}

func (b *board) get(name string) (device.Status, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, ok := b.now[name]
	return s, ok
}

func (b *board) seen(name string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if h := b.history[name]; len(h) > 0 {
		return slices.Clone(h)
	}
	return []string{"absent"}
}

func (b *board) count() (snapshots, downs, repairs int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.snapshots, len(b.downs), len(b.repairs)
}

// directory is that of the recorded PBX (testdata/snapshots/idle__list_users.txt).
func directory(t *testing.T) []replay.ESLUser {
	t.Helper()
	listed, odd := parseUsers(snapshotFile(t, "idle__list_users"))
	if len(listed) != 8 || odd != 0 {
		t.Fatalf("directory of %d users, %d odd", len(listed), odd)
	}
	var users []replay.ESLUser
	for _, u := range listed {
		users = append(users, replay.ESLUser{Presence: u.presence, Name: u.name})
	}
	return users
}

// snapshotFile is a recorded answer without the command's own line.
func snapshotFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/snapshots/" + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	_, answer, ok := strings.Cut(string(text), "\n\n")
	if !ok {
		t.Fatalf("%s: no answer", name)
	}
	return answer
}

func recording(t *testing.T, name string) *bytes.Reader {
	t.Helper()
	data, err := os.ReadFile("testdata/recordings/" + name + ".gz")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(data)
}

// rig is the adapter, connected to a replayed FreeSWITCH.
type rig struct {
	t    *testing.T
	srv  *replay.ESLServer
	src  *Source
	sink *board
	reg  *prometheus.Registry
	sent uint64 // events that must be applied
}

// newRig replays a recording; edit may change both configurations.
func newRig(t *testing.T, name string, edit func(*replay.ESLConfig, *Config)) *rig {
	t.Helper()
	r := &rig{t: t, sink: newBoard(), reg: prometheus.NewRegistry()}
	sc := replay.ESLConfig{Recording: recording(t, name), Password: "bridge-test", Users: directory(t)}
	cfg := Config{
		Name: "pbx", Password: "bridge-test", Registerer: r.reg, Reconcile: time.Hour,
		Devices:    []string{"park:5701@pbx.test", "conference:3001-pbx.test"},
		MinBackoff: time.Millisecond, MaxBackoff: 20 * time.Millisecond,
	}
	if edit != nil {
		edit(&sc, &cfg)
	}
	srv, err := replay.NewESLServer(sc)
	if err != nil {
		t.Fatal(err)
	}
	r.srv = srv
	t.Cleanup(func() { srv.Close() })
	cfg.Address = srv.Addr()
	if r.src, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	r.src.settle = 20 * time.Millisecond
	run(t, r.src, r.sink)
	r.waitFor("the first snapshot", func() bool { n, _, _ := r.sink.count(); return n == 1 })
	return r
}

// run runs the source until the test ends, and checks how it ends.
func run(t *testing.T, src *Source, b *board) { runInto(t, src, b, b) }

func runInto(t *testing.T, src *Source, sink compositor.Sink, b *board) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- src.Run(ctx, sink) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, p := range b.problems {
			t.Error(p)
		}
	})
}

func (r *rig) waitFor(what string, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// settled waits until all that was sent is applied.
func (r *rig) settled() {
	r.t.Helper()
	r.waitFor("the events to be applied", func() bool { return r.src.applied.Load() >= r.sent })
}

// next sends one event.
func (r *rig) next() (replay.ESLEvent, bool) {
	e, ok := r.srv.Next()
	if e.Delivered {
		r.sent++
	}
	return e, ok
}

// playTo sends events up to and with the one of that sequence number.
func (r *rig) playTo(seq int) {
	r.t.Helper()
	for {
		e, ok := r.next()
		if !ok {
			r.t.Fatalf("no event %d", seq)
		}
		if e.Sequence == seq {
			r.settled()
			return
		}
	}
}

func (r *rig) playAll() {
	r.t.Helper()
	for {
		if _, ok := r.next(); !ok {
			r.settled()
			return
		}
	}
}

// metric is the sum of a metric over its labels.
func (r *rig) metric(name string) float64 {
	r.t.Helper()
	families, err := r.reg.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}
