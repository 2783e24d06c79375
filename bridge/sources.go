package bridge

import (
	"context"
	"fmt"
	"reflect"
	"sync"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/config"
)

// sourceSet runs the PBXs of the configuration.
type sourceSet struct {
	b *Bridge

	mu      sync.Mutex // guards what follows
	running map[string]*runningSource
	began   bool
}

type runningSource struct {
	pbx    config.PBX
	source compositor.Source
	sink   compositor.Sink
	stop   func()
}

func newSourceSet(b *Bridge) *sourceSet {
	return &sourceSet{b: b, running: map[string]*runningSource{}}
}

// build makes the sources of those PBXs that are new or changed. Nothing is started:
// all that can fail fails here.
func (s *sourceSet) build(pbx []config.PBX) (map[string]compositor.Source, error) {
	out := map[string]compositor.Source{}
	for i, p := range pbx {
		if old := s.running[p.Name]; old != nil && reflect.DeepEqual(old.pbx, p) {
			continue
		}
		src, err := s.b.opts.Source(p, s.b.log, s.b.registry)
		if err != nil {
			return nil, fmt.Errorf("pbx[%d] %s: %w", i, p.Name, err)
		}
		out[p.Name] = src
	}
	return out, nil
}

// check reports what apply would fail on.
func (s *sourceSet) check(pbx []config.PBX) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.build(pbx)
	return err
}

// apply makes the running PBXs those of the configuration: the changed ones begin anew,
// the others are not touched.
func (s *sourceSet) apply(_ context.Context, pbx []config.PBX) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	built, err := s.build(pbx)
	if err != nil {
		return err
	}
	want := map[string]bool{}
	for _, p := range pbx {
		want[p.Name] = true
	}
	for name, r := range s.running {
		if built[name] != nil || !want[name] {
			r.halt()
			s.b.lamps.Detach(name)
			delete(s.running, name)
		}
	}
	for _, p := range pbx {
		src := built[p.Name]
		if src == nil {
			continue
		}
		sink, err := s.b.lamps.Attach(p.Name, compositor.SourceOptions{Tenant: p.Tenant, Grace: p.Grace})
		if err != nil {
			return err
		}
		r := &runningSource{pbx: p, source: src, sink: sink}
		s.running[p.Name] = r
		if s.began {
			s.launch(r)
		}
	}
	return nil
}

// start lets every PBX connect.
func (s *sourceSet) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began = true
	for _, r := range s.running {
		s.launch(r)
	}
}

func (s *sourceSet) launch(r *runningSource) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.b.shareSource(r.source).Run(ctx, r.sink); err != nil && ctx.Err() == nil {
			// One PBX that cannot be served must not end the others.
			s.b.log.Error("PBX is given up until the configuration changes", "source", r.pbx.Name, "error", err)
			r.sink.Down(err)
		}
	}()
	r.stop = func() { cancel(); <-done }
}

func (r *runningSource) halt() {
	if r.stop != nil {
		r.stop()
		r.stop = nil
	}
}

// stop disconnects all, at the same time.
func (s *sourceSet) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	var wg sync.WaitGroup
	for _, r := range s.running {
		wg.Go(r.halt)
	}
	wg.Wait()
}
