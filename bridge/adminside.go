package bridge

import (
	"context"
	"fmt"
	"strings"
	"time"

	"blfbridge/bridge/admin"
	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/config"
	"blfbridge/policy"
	"blfbridge/policy/policystore"
)

// newAdmin makes the administrators' side; it answers while the start still waits for
// the store, when there is little to tell.
func (b *Bridge) newAdmin() (*admin.Server, error) {
	return admin.New(admin.Config{
		Backend: adminSide{b}, Version: b.opts.Version, Gatherer: b.registry, Registerer: b.registry, Logger: b.log, Trace: b.trace,
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
	s := &admin.Serving{
		Lamps: a.b.lamps, Subscriptions: a.b.notifier, External: a.b.trunks, Snapshot: a.b.policy.snapshot, Mobility: a.b.policy,
	}
	if a.b.replicas != nil {
		s.Cluster = a.b.replicas.shards
	}
	return s
}

// Ours implements admin.Backend.
func (a adminSide) Ours(host string) bool { return a.b.sip.Ours(host) }

// Reload implements admin.Backend.
func (a adminSide) Reload(ctx context.Context) error { return a.b.Reload(ctx) }

// Policy implements admin.Backend.
func (a adminSide) Policy(context.Context) (*policy.Document, uint64, error) {
	if !a.b.serving.Load() {
		return nil, 0, ErrNotServing
	}
	d, revision := a.b.policy.inForce()
	return d, revision, nil
}

// EditPolicy implements admin.Backend.
func (a adminSide) EditPolicy(ctx context.Context, e policystore.Edit) (policystore.Edited, error) {
	if !a.b.serving.Load() {
		return policystore.Edited{}, ErrNotServing
	}
	return a.b.policy.edit(ctx, e)
}

// PolicyAudit implements admin.Backend.
func (a adminSide) PolicyAudit(ctx context.Context, limit int) ([]policystore.Entry, error) {
	if !a.b.serving.Load() {
		return nil, ErrNotServing
	}
	return a.b.policies.Audit(ctx, limit)
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
	if b.leaving.Load() {
		sip.OK, sip.Detail = false, "is being stopped"
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
	} else if b.replicas != nil && b.replicas.shards.Silent() {
		st.OK, st.Detail = false, "Redis does not answer; the other replicas take this one for dead"
	}
	checks := []api.Check{sip, subs, st}
	if b.certs != nil {
		troubles := b.certs.Troubles(time.Now())
		checks = append(checks, api.Check{Name: "certificates", OK: len(troubles) == 0, Detail: strings.Join(troubles, "; ")})
	}
	for _, s := range b.lamps.Sources() {
		c := api.Check{Name: "pbx/" + s.Name, OK: s.Up, Detail: fmt.Sprintf("%d devices", s.Devices)}
		if s.Why != nil {
			c.Detail = s.Why.Error()
		}
		checks = append(checks, c)
	}
	return checks
}
