package bridge

import (
	"context"
	"fmt"

	"blfbridge/bridge/admin"
	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/config"
	"blfbridge/policy"
)

// newAdmin makes the administrators' side; it answers while the start still waits for
// the store, when there is little to tell.
func (b *Bridge) newAdmin() (*admin.Server, error) {
	return admin.New(admin.Config{
		Backend: adminSide{b}, Version: b.opts.Version, Gatherer: b.registry, Registerer: b.registry, Logger: b.log,
	})
}

// adminSide is the bridge as package admin sees it.
type adminSide struct{ b *Bridge }

// Config implements admin.Backend.
func (a adminSide) Config() *config.Config { return a.b.Config() }

// Serving implements admin.Backend.
func (a adminSide) Serving() *admin.Serving {
	if !a.b.serving.Load() {
		return nil
	}
	return &admin.Serving{Lamps: a.b.lamps, Subscriptions: a.b.notifier, Snapshot: a.b.policy.snapshot}
}

// Ours implements admin.Backend.
func (a adminSide) Ours(host string) bool { return a.b.sip.Ours(host) }

// Reload implements admin.Backend.
func (a adminSide) Reload(ctx context.Context) error { return a.b.Reload(ctx) }

// PolicyDocument implements admin.Backend.
func (a adminSide) PolicyDocument(context.Context) (yaml []byte, revision uint64, err error) {
	if !a.b.serving.Load() {
		return nil, 0, ErrNotServing
	}
	d, revision := a.b.policy.inForce()
	yaml, err = policy.Marshal(d)
	return yaml, revision, err
}

// ImportPolicy implements admin.Backend.
func (a adminSide) ImportPolicy(ctx context.Context, yaml []byte, ifRevision uint64, dryRun bool) (uint64, error) {
	if !a.b.serving.Load() {
		return 0, ErrNotServing
	}
	return a.b.policy.importDocument(ctx, yaml, ifRevision, dryRun)
}

// Checks implements admin.Backend.
func (a adminSide) Checks(context.Context) []api.Check {
	b := a.b
	sip := api.Check{Name: "sip", Required: true, OK: b.serving.Load()}
	subs := api.Check{Name: "subscriptions", Required: true}
	if !sip.OK {
		if what := b.waiting.Load(); what != nil {
			sip.Detail = "waits for " + *what
		}
		return []api.Check{sip, subs}
	}
	select {
	case <-b.notifier.Ready():
		subs.OK = true
	default:
		subs.Detail = "being loaded from the store"
	}
	st := api.Check{Name: "store", OK: !b.committer.Away()}
	if !st.OK {
		st.Detail = fmt.Sprintf("away; %d entries wait to be written", b.committer.Pending())
	}
	checks := []api.Check{sip, subs, st}
	for _, s := range b.lamps.Sources() {
		c := api.Check{Name: "pbx/" + s.Name, OK: s.Up, Detail: fmt.Sprintf("%d devices", s.Devices)}
		if s.Why != nil {
			c.Detail = s.Why.Error()
		}
		checks = append(checks, c)
	}
	return checks
}
