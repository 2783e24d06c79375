package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"blfbridge/bridge/admin/api"
	"blfbridge/policy"
)

// ErrQuestion is wrapped by what Explain says about a question it cannot read.
var ErrQuestion = errors.New("admin: cannot explain")

// Question asks how a SUBSCRIBE would be answered.
type Question struct {
	// Watcher is a number, a phone's or user's name, or a SIP URI; or says what it is:
	// phone:NAME, end_user:ID, trunk:NAME, application:USER@TRUNK, unknown:NAME. Target is a
	// number or SIP URI.
	Watcher, Target string
	// Tenant is that of a target or watcher without host; empty: the other's, else the
	// default.
	Tenant string
	// Source is the address that the SUBSCRIBE comes from, perhaps with a port; empty:
	// credentials hold.
	Source string
}

// Facts are what the answer is made from.
type Facts struct {
	Snapshot *policy.Snapshot
	// Learned reports whether a PBX of the tenant reported the number; nil: every number
	// counts as reported.
	Learned func(tenant, number string) bool
	// Ours reports whether a host is the bridge itself; nil: addresses and localhost are.
	Ours func(host string) bool
}

// Explain decides as a SUBSCRIBE would be decided, and tells every step. It is pure.
func Explain(f Facts, q Question) (api.Explanation, error) {
	e := api.Explanation{Notes: []string{}}
	e.Watcher.Given, e.Target.Given = q.Watcher, q.Target
	if strings.TrimSpace(q.Watcher) == "" || strings.TrimSpace(q.Target) == "" {
		return e, fmt.Errorf("%w: a watcher and a target are needed, such as 201 and 101", ErrQuestion)
	}
	if q.Tenant != "" && !slices.Contains(f.Snapshot.Tenants(), q.Tenant) {
		return e, fmt.Errorf("%w: there is no tenant %q: there are %s", ErrQuestion, q.Tenant, strings.Join(f.Snapshot.Tenants(), ", "))
	}
	asker, err := f.askerOf(&e, q)
	if err != nil {
		return e, err
	}
	t, ok := f.target(&e, asker.tenant, q)
	if !ok {
		return e, nil
	}
	w := f.watcher(&e, asker, t.Tenant)
	e.Watcher.Tenant, e.Watcher.Kind, e.Watcher.ID, e.Watcher.Trunk, e.Watcher.Trusted = w.Tenant, w.Kind.String(), w.ID, w.Trunk, w.Trusted
	if w.Kind == policy.WatcherPhone {
		e.Watcher.User, e.Watcher.Profile = f.Snapshot.Worn(policy.PhoneRef{Tenant: w.Tenant, Phone: w.ID})
	}
	for _, step := range policy.Explain(f.Snapshot, w, t, policy.Counts{}) {
		e.Steps = append(e.Steps, api.ExplainStep{Step: step.Step.String(), Result: step.Result, Rule: step.Rule})
	}
	d := policy.Decide(f.Snapshot, w, t, policy.Counts{})
	e.Outcome, e.Status, e.Rule = d.Outcome.String(), statusOf(d.Outcome), d.Rule
	e.Target.Partition = d.Line.Partition
	e.WatcherGroup, e.PresentityGroup = d.WatcherGroup, d.PresentityGroup
	if d.Allow() {
		e.View, e.Pickup, e.PickupRule = d.View.String(), d.Pickup, d.PickupRule
	}
	return e, nil
}

// target resolves the target as a SUBSCRIBE's is; of one without host the tenant is the one
// given, else the watcher's, else the default. ok is false if nobody has the host, which
// e says then.
func (f *Facts) target(e *api.Explanation, watcherTenant string, q Question) (t policy.Target, ok bool) {
	ours := f.Ours
	if ours == nil {
		ours = func(host string) bool { return host == "localhost" || isAddress(host) }
	}
	user, host := policy.SplitURI(q.Target)
	if tenant := cmp.Or(q.Tenant, watcherTenant); host == "" && tenant != "" {
		t, _ = f.Snapshot.TargetIn(tenant, user)
	} else if t, ok = f.Snapshot.ResolveTarget(cmp.Or(watcherTenant, q.Tenant), user, host, ours); !ok {
		e.Target.Number = user
		rule := fmt.Sprintf("host %q belongs to no tenant", host)
		e.Steps = []api.ExplainStep{{Step: policy.StepTarget.String(), Result: policy.NotFound.String(), Rule: rule}}
		e.Outcome, e.Status, e.Rule = policy.NotFound.String(), statusOf(policy.NotFound), rule
		return t, false
	}
	switch {
	case t.Host != "":
	case t.Bare:
		e.Notes = append(e.Notes, "the bare pickup code is the one ringing call that this watcher may pick up; explain its number for the reasons")
	case f.Learned != nil:
		t.Learned = f.Learned(t.Tenant, t.Number)
	default:
		t.Learned = true
		e.Notes = append(e.Notes, "no PBX was asked: every number counts as reported by one")
	}
	if t.Host == "" {
		_, e.Target.PickupCode = f.Snapshot.TargetIn(t.Tenant, user)
	}
	e.Target.Tenant, e.Target.Number, e.Target.Learned = t.Tenant, t.Number, t.Learned
	return t, true
}

// statusOf is how sipua answers an outcome.
func statusOf(o policy.Outcome) int {
	switch o {
	case policy.Allowed:
		return 200
	case policy.Challenged:
		return 401
	case policy.NotFound:
		return 404
	case policy.Unavailable:
		return 503
	}
	return 403
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}

type explainInput struct {
	Watcher string `query:"watcher" required:"true" minLength:"1" maxLength:"256" doc:"Number, phone, user or SIP URI of the watcher; or phone:NAME, end_user:ID, trunk:NAME, application:USER@TRUNK, unknown:NAME." example:"201"`
	Target  string `query:"target" required:"true" minLength:"1" maxLength:"256" doc:"Number or SIP URI to watch." example:"101"`
	Tenant  string `query:"tenant" doc:"Tenant of a target or watcher without host."`
	Source  string `query:"source" doc:"Address that the SUBSCRIBE comes from; without it credentials count as right." example:"192.168.1.20"`
}

type explainOutput struct{ Body api.Explanation }

func (s *Server) explain(_ context.Context, in *explainInput) (*explainOutput, error) {
	serving, err := s.serving()
	if err != nil {
		return nil, err
	}
	e, err := Explain(
		Facts{Snapshot: serving.Snapshot(), Learned: serving.Lamps.Learned, Ours: s.c.Backend.Ours},
		Question{Watcher: in.Watcher, Target: in.Target, Tenant: in.Tenant, Source: in.Source})
	if err != nil {
		return nil, huma.Error400BadRequest(err.Error())
	}
	return &explainOutput{Body: e}, nil
}
