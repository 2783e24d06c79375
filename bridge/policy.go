package bridge

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"blfbridge/bridge/config"
	"blfbridge/bridge/credentials"
	"blfbridge/bridge/line"
	"blfbridge/bridge/notifier"
	"blfbridge/policy"
	"blfbridge/policy/policystore"
)

// ErrPolicyFile: the policy is a file, so that the store's is not in force.
var ErrPolicyFile = errors.New("bridge: the policy comes from a file; change that and send SIGHUP")

// policyKeeper holds the policy in force. A change is compiled aside and then swapped
// in one step; the compositor and standing subscriptions follow.
type policyKeeper struct {
	b       *Bridge
	current atomic.Pointer[policy.Snapshot]
	changed chan struct{} // capacity 1: domains were added
	files   *credentials.Files

	turn sync.Mutex // orders what reads a policy and then puts it in force; taken before mu

	mu       sync.Mutex // guards what follows, and orders swaps
	base     *policy.Snapshot
	document *policy.Document
	revision uint64
	tenants  map[string]string // of sources
	planned  map[string]string // tenants of the plan in force
	mobile   mobility

	pins pinGuard

	domainsMu sync.Mutex // guards domains; taken with the compositor's lock held
	domains   map[string]bool
}

func newPolicyKeeper(b *Bridge) *policyKeeper {
	return &policyKeeper{b: b, changed: make(chan struct{}, 1), files: credentials.New(credentials.Config{Logger: b.log}), domains: map[string]bool{}, tenants: map[string]string{}}
}

// snapshot is the policy in force; never nil once the bridge serves.
func (k *policyKeeper) snapshot() *policy.Snapshot { return k.current.Load() }

// compile is compileFor the configuration in force.
func (k *policyKeeper) compile(d *policy.Document) (*policy.Snapshot, error) {
	return k.compileFor(k.b.cfg.Load(), d)
}

// compileFor makes a snapshot of a document, with the configuration's trusted networks.
func (k *policyKeeper) compileFor(c *config.Config, d *policy.Document) (*policy.Snapshot, error) {
	if extra := c.SIP.TrustedNetworks; len(extra) > 0 {
		with := *d
		networks := with.UnknownWatchers.TrustedNetworks
		if len(networks) == 0 {
			networks = policy.DefaultTrustedNetworks()
		}
		with.UnknownWatchers.TrustedNetworks = append(slices.Clone(networks), extra...)
		d = &with
	}
	return policy.Compile(d)
}

// readPolicyFile reads and checks a policy file.
func readPolicyFile(path string) (*policy.Document, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("policy.file: %w", err)
	}
	d, err := policy.Load(data)
	if err != nil {
		return nil, fmt.Errorf("policy.file %s: %w", path, err)
	}
	return d, nil
}

// put makes a compiled document the policy in force, with what its credential files hold.
func (k *policyKeeper) put(ctx context.Context, d *policy.Document, base *policy.Snapshot, revision uint64) {
	k.files.Load(ctx, base)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.document, k.base, k.revision = d, base.WithCredentials(k.files.ByTenant(base)), revision
	k.swap(ctx)
}

// refreshCredentials looks whether the credential files changed.
func (k *policyKeeper) refreshCredentials(ctx context.Context) {
	if !k.files.Load(ctx, k.snapshot()) {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.base = k.base.WithCredentials(k.files.ByTenant(k.base))
	k.swap(ctx)
}

// setTenants says which tenant the domainless devices of each source belong to.
func (k *policyKeeper) setTenants(ctx context.Context, tenants map[string]string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if maps.Equal(k.tenants, tenants) {
		return
	}
	k.tenants = maps.Clone(tenants)
	if k.base != nil {
		k.swap(ctx)
	}
}

// addDomain notes a domain that a PBX reported; run compiles it in. It may be called with
// the compositor's lock held.
func (k *policyKeeper) addDomain(domain string) {
	k.domainsMu.Lock()
	defer k.domainsMu.Unlock()
	if k.domains[domain] {
		return
	}
	k.domains[domain] = true
	select {
	case k.changed <- struct{}{}:
	default:
	}
}

// swap compiles domains, logins and plan onto base and lets everything follow. mu is held.
func (k *policyKeeper) swap(ctx context.Context) {
	k.domainsMu.Lock()
	domains := slices.Collect(maps.Keys(k.domains))
	k.domainsMu.Unlock()
	old, next := k.current.Load(), k.base.WithDomains(domains).WithLogins(k.mobile.logins)
	// A new plan composes every lamp anew: only where lines can have changed.
	var plan *line.Plan
	if old == nil || !maps.Equal(k.planned, k.tenants) || !next.SameLines(old) {
		plan = line.Compile(next, line.Config{SourceTenant: k.tenants})
		k.planned = k.tenants
	}
	k.current.Store(next)
	if old == nil {
		k.b.startLamps(plan)
		return
	}
	if plan != nil {
		k.b.lamps.SetPlan(plan)
	} else {
		k.b.lamps.PolicyChanged()
	}
	if k.b.trunks != nil {
		k.b.trunks.PolicyChanged() // before watchers are decided by what stands
	}
	changes := policy.Affected(old, next)
	if changes.Empty() {
		return
	}
	skip := func(s notifier.Standing) bool {
		w, t := k.b.standing(next, s)
		if was := s.Watcher; w.Kind != was.Kind || w.ID != was.ID || w.Trunk != was.Trunk || w.Trusted != was.Trusted {
			return false
		}
		return !changes.Touches(s.Watcher, t) && !changes.Touches(s.Watcher, policy.Target{Tenant: s.Line.Tenant, Number: s.Line.Number})
	}
	decide := func(s notifier.Standing) policy.Decision { return k.decide(next, s) }
	if err := k.b.notifier.Reauthorize(ctx, skip, decide); err != nil && !errors.Is(err, notifier.ErrStopped) && ctx.Err() == nil {
		k.b.log.Error("standing subscriptions were not decided again", "error", err)
	}
}

// decide decides about a standing subscription.
func (k *policyKeeper) decide(snap *policy.Snapshot, s notifier.Standing) policy.Decision {
	w, t := k.b.standing(snap, s)
	d := policy.Decide(snap, w, t, policy.Counts{})
	if d.Allow() && d.Route != "" {
		d, _ = k.b.trunks.Admit(w, d)
	}
	return d
}

// decideRestored decides about a subscription of the last run: the policy may have changed
// meanwhile. What cannot be found is left alone, as its PBX or domain may only not be back yet.
func (k *policyKeeper) decideRestored(s notifier.Standing) policy.Decision {
	snap := k.snapshot()
	d := k.decide(snap, s)
	if d.Outcome == policy.NotFound || k.b.target(snap, s.Watcher.Tenant, s.Entity).Tenant != s.Line.Tenant {
		d.Outcome = policy.Unavailable
	}
	return d
}

// run follows the store's policy and logins and the PBXs' domains until ctx ends.
func (k *policyKeeper) run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	if k.b.cfg.Load().Policy.File == "" {
		wg.Go(func() {
			err := k.b.policies.Watch(ctx, func(revision uint64) { k.follow(ctx, revision) })
			if err != nil && ctx.Err() == nil {
				k.b.log.Error("changes of the policy in the store are not seen any more", "error", err)
			}
		})
	}
	wg.Go(func() {
		err := k.b.policies.WatchLogins(ctx, func(revision uint64) { k.followLogins(ctx, revision) })
		if err != nil && ctx.Err() == nil {
			k.b.log.Error("logins and logouts in the store are not seen any more", "error", err)
		}
	})
	wg.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(max(k.b.cfg.Load().Policy.CredentialsRefresh, time.Second)):
				k.refreshCredentials(ctx)
			}
		}
	})
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-k.changed:
			k.mu.Lock()
			k.swap(ctx)
			k.mu.Unlock()
		}
	}
}

// follow takes the store's revision over.
func (k *policyKeeper) follow(ctx context.Context, revision uint64) {
	k.turn.Lock()
	defer k.turn.Unlock()
	if _, now := k.inForce(); now == revision {
		return
	}
	d, got, err := k.b.policies.Load(ctx)
	if err != nil {
		k.b.log.Error("the policy in the store cannot be read; the one in force stays", "error", err)
		return
	}
	base, err := k.compile(d)
	if err != nil {
		k.b.log.Error("the policy in the store is not valid; the one in force stays", "error", err)
		return
	}
	k.put(ctx, d, base, got)
	k.b.log.Info("policy changed", "revision", got)
}

// inForce is the document in force and its revision; the document must not be changed.
func (k *policyKeeper) inForce() (*policy.Document, uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.document, k.revision
}

// edit changes the stored policy and puts it in force.
func (k *policyKeeper) edit(ctx context.Context, e policystore.Edit) (policystore.Edited, error) {
	if k.b.cfg.Load().Policy.File != "" {
		return policystore.Edited{}, ErrPolicyFile
	}
	var base *policy.Snapshot
	e.Known = k.inForce
	e.Check = func(d *policy.Document) (err error) {
		base, err = k.compile(d)
		return err
	}
	k.turn.Lock()
	defer k.turn.Unlock()
	done, err := e.Apply(ctx, k.b.policies)
	if err != nil || e.DryRun {
		return done, err
	}
	k.put(ctx, done.After, base, done.Revision)
	return done, nil
}
