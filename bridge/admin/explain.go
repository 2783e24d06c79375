package admin

import (
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
	// Watcher is a number, a phone's or user's name, or a SIP URI, and Target a number or
	// SIP URI.
	Watcher, Target string
	// Tenant is that of a target without host; empty: the watcher's, else the default.
	Tenant string
	// Source is the address that the SUBSCRIBE comes from; empty: credentials hold.
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
	trusted := true
	if q.Source != "" {
		addr, err := sourceAddress(q.Source)
		if err != nil {
			return e, fmt.Errorf("%w: source %q is no IP address", ErrQuestion, q.Source)
		}
		e.Watcher.Source = addr.String()
		trusted = f.Snapshot.Trusts(addr)
	} else {
		e.Notes = append(e.Notes, "no source address given: the watcher counts as trusted, or its credentials as right")
	}
	wUser, wHost := splitURI(q.Watcher)
	tUser, tHost := splitURI(q.Target)
	watcherTenant, targetTenant, ok := f.tenants(q.Tenant, wHost, tHost)
	if !ok {
		e.Target.Number = tUser
		rule := fmt.Sprintf("host %q belongs to no tenant", tHost)
		e.Steps = []api.ExplainStep{{Step: policy.StepTarget.String(), Result: policy.NotFound.String(), Rule: rule}}
		e.Outcome, e.Status, e.Rule = policy.NotFound.String(), statusOf(policy.NotFound), rule
		return e, nil
	}
	w, known := f.Snapshot.WatcherByIdentity(watcherTenant, wUser)
	if !known && wHost != "" {
		w.ID = wUser + "@" + wHost
	}
	w.Trusted = trusted
	t := policy.Target{Tenant: targetTenant, Learned: true}
	t.Number, e.Target.PickupCode = f.Snapshot.StripPickup(targetTenant, tUser)
	if f.Learned != nil {
		t.Learned = f.Learned(targetTenant, t.Number)
	} else {
		e.Notes = append(e.Notes, "no PBX was asked: every number counts as reported by one")
	}
	e.Watcher.Tenant, e.Watcher.Kind, e.Watcher.ID, e.Watcher.Trusted = w.Tenant, w.Kind.String(), w.ID, w.Trusted
	e.Target.Tenant, e.Target.Number, e.Target.Learned = t.Tenant, t.Number, t.Learned
	for _, step := range policy.Explain(f.Snapshot, w, t, policy.Counts{}) {
		e.Steps = append(e.Steps, api.ExplainStep{Step: step.Step.String(), Result: step.Result, Rule: step.Rule})
	}
	d := policy.Decide(f.Snapshot, w, t, policy.Counts{})
	e.Outcome, e.Status, e.Rule = d.Outcome.String(), statusOf(d.Outcome), d.Rule
	e.Target.Partition = d.Line.Partition
	e.WatcherGroup, e.PresentityGroup = d.WatcherGroup, d.PresentityGroup
	if d.Allow() {
		e.View, e.Pickup = d.View.String(), d.Pickup
	}
	return e, nil
}

// tenants finds both tenants as a SUBSCRIBE's are found: each by its host, a watcher of
// an unknown host in the target's.
func (f *Facts) tenants(given, watcherHost, targetHost string) (watcher, target string, ok bool) {
	ours := f.Ours
	if ours == nil {
		ours = func(host string) bool { return host == "localhost" || isAddress(host) }
	}
	var hasHost bool
	if watcherHost != "" {
		watcher, hasHost = f.Snapshot.TenantByHost(watcherHost, nil)
	}
	switch {
	case targetHost != "":
		if target, ok = f.Snapshot.TenantByHost(targetHost, ours); !ok {
			return "", "", false
		}
	case given != "":
		target = given
	case hasHost:
		target = watcher
	default:
		target, _ = f.Snapshot.TenantByHost("", nil)
	}
	if !hasHost {
		watcher = target
	}
	return watcher, target, true
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

// splitURI takes user and host out of a SIP URI, user@host, or a bare number or name.
func splitURI(s string) (user, host string) {
	s = uriOf(strings.TrimSpace(s))
	if policy.SpecialName(s) && !hasScheme(s) {
		return s, "" // park:701@parkedcalls: the @ is its own
	}
	if hasScheme(s) {
		_, s, _ = strings.Cut(s, ":")
	}
	i := strings.LastIndexByte(s, '@')
	if i < 0 {
		return s, ""
	}
	host, _, _ = strings.Cut(s[i+1:], ";")
	host, _, _ = strings.Cut(host, "?")
	return s[:i], host
}

func hasScheme(s string) bool {
	scheme, _, ok := strings.Cut(strings.ToLower(s), ":")
	return ok && (scheme == "sip" || scheme == "sips" || scheme == "tel")
}

func sourceAddress(s string) (netip.Addr, error) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr(), nil
	}
	return netip.ParseAddr(strings.Trim(s, "[]"))
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}

type explainInput struct {
	Watcher string `query:"watcher" required:"true" minLength:"1" maxLength:"256" doc:"Number, phone, user or SIP URI of the watcher." example:"201"`
	Target  string `query:"target" required:"true" minLength:"1" maxLength:"256" doc:"Number or SIP URI to watch." example:"101"`
	Tenant  string `query:"tenant" doc:"Tenant of a target without host."`
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
