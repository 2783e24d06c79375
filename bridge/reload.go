package bridge

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"blfbridge/bridge/config"
	"blfbridge/policy"
)

// ErrNoReload: the bridge was not given a way to read its configuration again.
var ErrNoReload = errors.New("bridge: this process cannot read its configuration again")

// ErrNotServing: the bridge is still starting, or stopping.
var ErrNotServing = errors.New("bridge: not serving yet")

// Reload reads the configuration again and puts it in force with the policy file: all
// that can fail is done first, then all is swapped. On an error nothing has changed.
// PBXs that did not change are not touched. Keys that need a restart are logged.
func (b *Bridge) Reload(ctx context.Context) error {
	b.reloading.Lock()
	defer b.reloading.Unlock()
	if b.opts.Reload == nil {
		return ErrNoReload
	}
	if !b.serving.Load() {
		return ErrNotServing
	}
	next, err := b.opts.Reload()
	if err != nil {
		return fmt.Errorf("the configuration in force stays: %w", err)
	}
	b.policy.turn.Lock()
	defer b.policy.turn.Unlock()
	var (
		doc      *policy.Document
		revision uint64
	)
	if next.Policy.File != "" {
		doc, err = readPolicyFile(next.Policy.File)
	} else {
		doc, revision, err = b.policies.Load(ctx)
	}
	if err != nil {
		return fmt.Errorf("the policy in force stays: %w", err)
	}
	base, err := b.policy.compileFor(next, doc)
	if err != nil {
		return fmt.Errorf("the policy in force stays: %w", err)
	}
	if err := b.sources.check(next.PBX); err != nil {
		return fmt.Errorf("the configuration in force stays: %w", err)
	}

	newCerts := func() {}
	if files := next.SIP.TLS.Files(); b.certs != nil && len(files.Pairs) > 0 {
		if newCerts, err = b.certs.Prepare(files); err != nil {
			return fmt.Errorf("the configuration in force stays: %w", err)
		}
	}

	b.cfg.Store(next)
	newCerts()
	if b.opts.Level != nil {
		_ = b.opts.Level.UnmarshalText([]byte(next.Log.Level)) // config has checked it
	}
	b.policy.setTenants(ctx, sourceTenants(next.PBX))
	b.policy.put(ctx, doc, base, revision)
	if err := b.sources.apply(ctx, next.PBX); err != nil {
		return err // cannot be: check has made them all
	}
	b.log.Info("configuration and policy are reloaded", "pbx", len(next.PBX), "policy_revision", revision)
	for _, key := range needRestart(b.opts.Config, next) {
		b.log.Warn("this key differs from that of the start and needs a restart", "key", key)
	}
	return nil
}

// sipAddresses are where the edge finds the PBXs, and for whom, by their names; nil without an edge.
func sipAddresses(c *config.Config) map[string][4]any {
	if !c.Edge.Enabled {
		return nil
	}
	out := map[string][4]any{}
	for _, p := range c.PBX {
		if p.SIP != "" {
			out[p.Name] = [4]any{p.SIP, p.SIPLarge, p.SIPTLS, p.Tenant}
		}
	}
	return out
}

// needRestart names the keys that differ from those this process started with, and that
// a reload cannot put in force.
func needRestart(old, next *config.Config) (keys []string) {
	a, b := old.SIP, next.SIP
	a.TrustedNetworks, b.TrustedNetworks = nil, nil
	if len(a.TLS.CertFile) > 0 && len(b.TLS.CertFile) > 0 {
		a.TLS, b.TLS = config.SIPTLS{}, config.SIPTLS{}
	}
	for _, k := range []struct {
		key       string
		old, next any
	}{
		{"sip", a, b}, {"pbx[].sip, pbx[].sip_large, pbx[].sip_tls, pbx[].tenant", sipAddresses(old), sipAddresses(next)}, {"edge", old.Edge, next.Edge}, {"store", old.Store, next.Store}, {"admin", old.Admin, next.Admin},
		{"log.format", old.Log.Format, next.Log.Format}, {"log.sip_trace", old.Log.SIPTrace, next.Log.SIPTrace},
	} {
		if !reflect.DeepEqual(k.old, k.next) {
			keys = append(keys, k.key)
		}
	}
	return keys
}
