package ari

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"blfbridge/adapters/replay"
	"blfbridge/bridge/device"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sink keeps what a source says, and complains of what the contract forbids.
type sink struct {
	t *testing.T

	mu        sync.Mutex // guards what follows
	now       map[string]device.Status
	paths     map[string][]device.State // shown since the last clearPaths
	downs     []error
	snapshots int
	changes   int
	repairs   int
	removed   []string
	live      bool
}

func newSink(t *testing.T) *sink {
	return &sink{t: t, now: map[string]device.Status{}, paths: map[string][]device.State{}}
}

func (s *sink) Snapshot(list []device.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.now
	s.now = map[string]device.Status{}
	for _, st := range list {
		if _, twice := s.now[st.Name]; twice {
			s.t.Errorf("%s is twice in a snapshot", st.Name)
		}
		s.put(old, st)
	}
	s.snapshots++
	s.live = true
}

func (s *sink) Change(st device.Status) { s.change(st, &s.changes) }
func (s *sink) Repair(st device.Status) { s.change(st, &s.repairs) }

func (s *sink) change(st device.Status, n *int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.live {
		s.t.Errorf("a change of %s without a snapshot before it", st.Name)
	}
	if old, ok := s.now[st.Name]; ok && old.Equal(st) {
		s.t.Errorf("%s is reported again without any change: %+v", st.Name, st)
	}
	if st.At.IsZero() {
		s.t.Errorf("%s has no time", st.Name)
	}
	*n++
	s.put(s.now, st)
}

func (s *sink) put(old map[string]device.Status, st device.Status) {
	was, had := old[st.Name]
	s.now[st.Name] = st
	if !had || lampOf(was) != lampOf(st) {
		s.paths[st.Name] = append(s.paths[st.Name], lampOf(st))
	}
}

// lampOf is State, or for a DND flag DND and Unknown for on and off.
func lampOf(st device.Status) device.State {
	if st.Kind == device.DNDFlag && st.DND {
		return device.DND
	}
	return st.State
}

func (s *sink) Remove(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.now, name)
	s.removed = append(s.removed, name)
}

func (s *sink) Down(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.downs = append(s.downs, err)
	s.live = false
}

// isLive says whether a snapshot came since the last Down.
func (s *sink) isLive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live
}

// counts returns how often Snapshot, Repair and Down were called.
func (s *sink) counts() (snapshots, repairs, downs int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.snapshots, s.repairs, len(s.downs)
}

func (s *sink) lastDown() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.downs) == 0 {
		return nil
	}
	return s.downs[len(s.downs)-1]
}

func (s *sink) get(name string) (device.Status, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, ok := s.now[name]
	return st, ok
}

func (s *sink) state(name string) device.State {
	st, _ := s.get(name)
	return st.State
}

// takePath returns the lamps shown since it was asked last.
func (s *sink) takePath(name string) []device.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.paths[name]
	delete(s.paths, name)
	return p
}

// memory is a network without sockets, for tests in virtual time: what is dialled is
// served.
type memory struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once

	mu      sync.Mutex // guards refused
	refused bool
}

func newMemory() *memory { return &memory{conns: make(chan net.Conn), done: make(chan struct{})} }

func (m *memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.done:
		return nil, net.ErrClosed
	}
}

func (m *memory) Close() error   { m.once.Do(func() { close(m.done) }); return nil }
func (m *memory) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8088} }

// refuse makes dialling fail, as if no process listened.
func (m *memory) refuse(yes bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refused = yes
}

func (m *memory) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	m.mu.Lock()
	refused := m.refused
	m.mu.Unlock()
	if refused {
		return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
	}
	here, there := net.Pipe()
	select {
	case m.conns <- there:
		return here, nil
	case <-m.done:
		return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// rig is the real adapter connected over HTTP and WebSocket to a replayed Asterisk.
type rig struct {
	t    *testing.T
	src  *Source
	sink *sink
	pbx  *replay.ARI
	rec  *replay.ARIRecording
	net  *memory
	stop func()
}

func readRecording(t *testing.T, name string) *replay.ARIRecording {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rec, err := replay.ReadARI(f)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return rec
}

// newRig serves pbx in memory and makes the source, without running it.
func newRig(t *testing.T, pbx replay.ARIConfig, cfg Config) *rig {
	t.Helper()
	pbx.Username, pbx.Password = "blf", "secret"
	r := &rig{t: t, sink: newSink(t), pbx: replay.NewARI(pbx), rec: pbx.Recording, net: newMemory()}
	srv := &http.Server{Handler: r.pbx, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	go srv.Serve(r.net) // ends by Close
	cfg.Name, cfg.URL = "pbx", "http://asterisk:8088/ari"
	if cfg.Username == "" {
		cfg.Username, cfg.Password = "blf", "secret"
	}
	if cfg.Reconcile == 0 {
		cfg.Reconcile = 1000 * time.Hour // only when a test asks for it
	}
	if testing.Verbose() && os.Getenv("ARI_LOG") != "" {
		cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	var err error
	if r.src, err = newSource(cfg, r.net.dial); err != nil {
		t.Fatal(err)
	}
	r.stop = func() {
		r.pbx.Cut() // in case something still hangs
		srv.Close()
		r.net.Close()
	}
	return r
}

// run runs f beside the source, and ends both.
func (r *rig) run(f func()) {
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	go func() { done <- r.src.Run(ctx, r.sink) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("Run: %v", err)
		}
		synctest.Wait() // the server notices
		r.stop()
		synctest.Wait()
	}()
	synctest.Wait()
	f()
}

// reconcile has the source compare itself with the PBX, and waits for the end of it.
func (r *rig) reconcile() {
	r.t.Helper()
	done := make(chan struct{})
	select {
	case r.src.lookNow <- done:
		<-done
	case <-time.After(time.Minute):
		r.t.Error("the source takes no request to compare: it is not connected")
	}
	synctest.Wait()
}

// settle lets time pass, and what it set off come to rest.
func settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
