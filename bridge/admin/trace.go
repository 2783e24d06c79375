package admin

import (
	"context"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/sse"

	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/trace"
	"blfbridge/policy"
)

const (
	tracePath = Prefix + "/trace"
	// traceTimeout ends a trace that was forgotten.
	traceTimeout = 8 * time.Hour
)

type traceInput struct {
	Kind       string `query:"kind" enum:"all,asnl,errors,event,info,timer,trace,xml" default:"event" doc:"As CME's debug presence: what to show."`
	Phone      string `query:"phone" doc:"Only of this phone or watcher: its name, a number, user id or IP address."`
	Presentity string `query:"presentity" doc:"Only of who watches this number."`
	Tenant     string `query:"tenant" doc:"Tenant of a phone given by name; left out: the policy's default one."`
}

// traceOperation registers the live trace.
func (s *Server) traceOperation(a huma.API) {
	o := read("trace", "/trace", "Live trace",
		"Server-sent events of SUBSCRIBEs, decisions, NOTIFYs and what the log says, filtered, also for one phone. Who does not read quickly enough is dropped.")
	sse.Register(a, o, map[string]any{"begin": api.TraceBegin{}, "event": api.TraceEvent{}, "end": api.TraceEnd{}}, s.traced)
}

func (s *Server) traced(ctx context.Context, in *traceInput, send sse.Sender) {
	f := trace.Filter{Kind: in.Kind, Presentity: in.Presentity, Names: s.namesOf(in.Tenant, in.Phone)}
	l, err := s.c.Trace.Listen(f.Match)
	if err != nil {
		_ = send.Data(api.TraceEnd{Why: "too_many"})
		return
	}
	defer l.Close()
	if send.Data(api.TraceBegin{Kind: in.Kind, Names: f.Names}) != nil {
		return
	}
	for {
		select {
		case <-ctx.Done():
			_ = send.Data(api.TraceEnd{Why: "time"})
			return
		case e, open := <-l.Entries():
			switch {
			case open:
				if send.Data(api.TraceEvent(e)) != nil {
					return
				}
			case l.TooSlow():
				_ = send.Data(api.TraceEnd{Why: "too_slow"})
				return
			default:
				_ = send.Data(api.TraceEnd{Why: "stopping"})
				return
			}
		}
	}
}

// namesOf are the names by which a phone appears: the one given, and of a phone that the
// policy lists its name and the numbers of its lines.
func (s *Server) namesOf(tenant, phone string) []string {
	if phone == "" {
		return nil
	}
	names := []string{phone}
	serving := s.c.Backend.Serving()
	if serving == nil {
		return names
	}
	snap := serving.Snapshot()
	if tenant == "" {
		tenant, _ = snap.TenantByHost("", nil)
	}
	w, ok := snap.WatcherByIdentity(tenant, phone)
	if !ok {
		return names
	}
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	add(w.ID)
	if w.Kind == policy.WatcherPhone {
		for _, p := range snap.Phones(w.Tenant) {
			if p.Name == w.ID {
				for _, line := range p.Lines {
					add(line.Number)
				}
			}
		}
	}
	return names
}
