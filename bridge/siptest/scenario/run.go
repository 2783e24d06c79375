package scenario

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// Config says what to run and where. PBX and Bridge are needed.
type Config struct {
	PBX PBX
	// Bridge is the "host:port" where the watchers subscribe.
	Bridge string
	// Domain is the host of the URIs that are watched, default the host of Bridge.
	Domain string
	// Watcher is who watches, default phone D; a password only if the bridge asks for one.
	Watcher User
	// Makes are the watching phones, default all of Makes.
	Makes []Make
	// Foreign leaves out the bridge's own promises, for watching another server.
	Foreign bool
	// Timeout is how long a lamp may take, default 3 s. Settle is how long it must then
	// stay, default 300 ms. Slow is how long a phone's own part may take, default 15 s.
	Timeout, Settle, Slow time.Duration
	// Schemas maps Content-Types to schema files; nil leaves the validation out.
	Schemas map[string]string
	// OnStep and OnScenario are called as they end.
	OnScenario func(Scenario)
	OnStep     func(StepResult)
	Log        *slog.Logger
}

type runner struct {
	cfg      Config
	actors   map[string]*actor
	watchers []*watcher
	want     map[string]Lamp
	schemas  siptest.Schemas
}

// Run plays scenarios one after the other and reports. The error is about what kept it
// from running at all (no PBX, a refused subscription); wrong lamps are in the report.
func Run(ctx context.Context, cfg Config, list []Scenario) (*Report, error) {
	host, _, err := net.SplitHostPort(cfg.Bridge)
	if err != nil {
		return nil, fmt.Errorf("scenario: the bridge's address: %w", err)
	}
	cfg.Domain = cmp.Or(cfg.Domain, host)
	cfg.Timeout = cmp.Or(cfg.Timeout, 3*time.Second)
	cfg.Settle = cmp.Or(cfg.Settle, 300*time.Millisecond)
	cfg.Slow = cmp.Or(cfg.Slow, 15*time.Second)
	if cfg.Watcher == (User{}) {
		cfg.Watcher.Number = cfg.PBX.Users[3].Number
	}
	if cfg.Makes == nil {
		cfg.Makes = Makes
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	r := &runner{cfg: cfg, actors: map[string]*actor{}}
	defer r.close()
	if err := r.open(ctx); err != nil {
		return nil, err
	}
	rep := &Report{PBX: cfg.PBX.Name}
	for _, s := range list {
		res := r.play(ctx, s)
		rep.Results = append(rep.Results, res)
		if err := ctx.Err(); err != nil {
			return rep, err
		}
	}
	return rep, r.judge(ctx, rep)
}

func (r *runner) open(ctx context.Context) error {
	for i, name := range phones {
		u := r.cfg.PBX.Users[i]
		p, err := siptest.NewPhone(siptest.Config{
			User: u.Number, Password: u.Password, Domain: r.cfg.PBX.Domain, Proxy: r.cfg.PBX.SIP, TCP: r.cfg.PBX.TCP, Log: r.cfg.Log})
		if err != nil {
			return err
		}
		r.actors[name] = &actor{Phone: p}
		if err := p.Register(ctx, registered); err != nil {
			return fmt.Errorf("scenario: %s does not register at %s (%s): %w", u.Number, r.cfg.PBX.Name, r.cfg.PBX.SIP, err)
		}
	}
	for _, m := range r.cfg.Makes {
		if err := r.watch(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// close leaves no registration or subscription behind, as far as the servers answer.
func (r *runner) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	for _, w := range r.watchers {
		for _, s := range w.subs {
			if err := s.Refresh(ctx, 0); err != nil {
				r.cfg.Log.Debug("not unsubscribed", "watcher", w.Name, "error", err)
			}
		}
		w.phone.Close()
	}
	for _, a := range r.actors {
		if err := a.Unregister(ctx); err != nil {
			r.cfg.Log.Debug("not unregistered", "watcher", a.User(), "error", err)
		}
		a.Close()
	}
}

// play runs one scenario from phones that are registered and idle.
func (r *runner) play(ctx context.Context, s Scenario) Result {
	res := Result{Scenario: s}
	if r.cfg.OnScenario != nil {
		r.cfg.OnScenario(s)
	}
	if what := r.cfg.PBX.lacks(s); what != "" {
		res.Skipped = "the PBX has not " + what
		return res
	}
	r.want = map[string]Lamp{}
	for _, name := range phones {
		r.want[name] = Lamp{State: device.Idle}
	}
	start := Step{Verb: "all idle", Check: true, Want: maps.Clone(r.want)}
	for i, st := range append([]Step{start}, s.Steps...) {
		sr := r.step(ctx, st, i > 0)
		res.Steps = append(res.Steps, sr)
		if r.cfg.OnStep != nil {
			r.cfg.OnStep(sr)
		}
		if !sr.OK() {
			break
		}
	}
	if !res.OK() {
		if err := r.clear(ctx, s); err != nil {
			r.cfg.Log.Warn("phones are not as before", "scenario", s.Name, "error", err)
		}
	} else {
		for _, a := range r.actors {
			a.calls = nil
			a.ForgetIncoming()
		}
	}
	return res
}

// step carries one step out and looks at every lamp.
func (r *runner) step(ctx context.Context, s Step, act bool) StepResult {
	res := StepResult{Step: s, At: time.Now()}
	before := maps.Clone(r.want)
	maps.Copy(r.want, s.Want)
	for _, w := range r.watchers {
		w.mark()
	}
	if act {
		slow, cancel := context.WithTimeout(ctx, r.cfg.Slow)
		res.Err = r.act(slow, s)
		cancel()
	}
	if res.Err != nil || !s.Check {
		return res
	}
	deadline := time.Now().Add(r.cfg.Timeout)
	for _, name := range phones {
		if _, named := s.Want[name]; named {
			for _, w := range r.watchers {
				r.await(w, name, before[name], deadline)
			}
		}
	}
	settle := time.NewTimer(r.cfg.Settle)
	defer settle.Stop()
	select {
	case <-settle.C:
	case <-ctx.Done():
		res.Err = ctx.Err()
		return res
	}
	for _, name := range phones {
		for _, w := range r.watchers {
			res.Lamps = append(res.Lamps, r.look(w, name, before[name], res.At))
		}
	}
	return res
}

// await waits for the NOTIFY that lights the wanted lamp; look tells whether it came.
func (r *runner) await(w *watcher, name string, before Lamp, deadline time.Time) {
	want := w.expect(r.want[name])
	from := w.marks[name]
	if want == w.expect(before) || from == 0 {
		from = max(0, from-1) // it may shine already
	}
	_, err := w.subs[name].WaitFor(from, max(time.Millisecond, time.Until(deadline)), func(x siptest.Seen) bool { return lampOf(x) == want })
	if err != nil && !errors.Is(err, siptest.ErrTimeout) {
		r.cfg.Log.Debug("watch broken", "watcher", w.Name, "error", err)
	}
}

// look compares one lamp and finds when it lit.
func (r *runner) look(w *watcher, name string, before Lamp, at time.Time) LampResult {
	res := LampResult{Line: name, Watcher: w.Name, Want: w.expect(r.want[name]), Seen: w.lamp(name), Changed: r.want[name] != before}
	h := w.subs[name].History()[w.marks[name]:]
	res.Notifies = len(h)
	for i := len(h) - 1; i >= 0 && lampOf(h[i]) == res.Want; i-- {
		res.Latency = h[i].At.Sub(at) // the first of the run of right ones at the end
	}
	return res
}

// judge adds what the strict watchers found.
func (r *runner) judge(ctx context.Context, rep *Report) error {
	for _, w := range r.watchers {
		for _, s := range w.subs {
			rep.Notifies += len(s.History())
			rep.Violations = append(rep.Violations, s.Violations()...)
		}
		rep.Violations = append(rep.Violations, w.phone.Strays()...)
	}
	rep.Bodies = r.schemas.Count()
	if r.cfg.Schemas == nil {
		return nil
	}
	bad, err := r.schemas.Validate(ctx, r.cfg.Schemas)
	rep.Violations = append(rep.Violations, bad...)
	rep.Validated = err == nil
	return err
}
