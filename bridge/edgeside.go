package bridge

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"blfbridge/bridge/config"
	"blfbridge/bridge/edge"
	"blfbridge/bridge/notifier"
	"blfbridge/bridge/store"
	"blfbridge/bridge/subscription"
)

// newEdge makes the proxy in front of the PBXs, with the registrations of the last run; the
// store is open.
func (b *Bridge) newEdge(ctx context.Context, stored []store.LampDelta) (err error) {
	cfg := b.cfg.Load()
	key, err := b.edgeKey(ctx, cfg)
	if err != nil {
		return fmt.Errorf("edge.key: %w", err)
	}
	c := edge.Config{
		Key: key, Advertise: cfg.Edge.Advertise, CheckFailures: cfg.Edge.CheckFailures,
		Timers: edge.Timers{Check: cfg.Edge.CheckInterval}, Network: b.sip, Pickup: b.picker, Clock: b.clock, Logger: b.log, Registerer: b.registry,
		Keep: func(key string, value []byte) {
			b.committer.Submit(nil, []store.LampDelta{{Key: edgePrefix + key, Value: value}}, nil)
		},
	}
	for i, p := range cfg.PBX {
		if p.SIP == "" {
			continue
		}
		transport, host, port, err := config.SplitSIP(p.SIP)
		if err != nil {
			return fmt.Errorf("pbx[%d].sip: %w", i, err)
		}
		t, _ := subscription.ParseTransport(transport)
		one := edge.PBX{Name: p.Name, Transport: t, Host: host, Port: port, Tenant: p.Tenant, LargeByTCP: p.SIPLarge == "tcp"}
		if one.TLS, err = b.sipTLS(p.SIPTLS); err != nil {
			return fmt.Errorf("pbx[%d].sip_tls: %w", i, err)
		}
		if p.Tenant != "" && !slices.Contains(b.policy.snapshot().Tenants(), p.Tenant) {
			b.log.Warn("pbx.tenant names no tenant of the policy: no domain leads to that PBX by it", "pbx", p.Name, "tenant", p.Tenant)
		}
		c.PBX = append(c.PBX, one)
	}
	c.Tenant = func(domain string) (string, bool) { return b.policy.snapshot().TenantByHost(domain, b.sip.Ours) }
	for _, r := range cfg.Edge.Routes {
		c.Routes = append(c.Routes, edge.Route{Domain: r.Domain, PBX: r.PBX})
	}
	if b.edge, err = edge.New(c); err != nil {
		return err
	}
	for _, x := range stored {
		if err := b.edge.Restore(strings.TrimPrefix(x.Key, edgePrefix), x.Value); err != nil {
			b.log.Warn("a stored registration is left out; its phone registers again", "error", err)
		}
	}
	return nil
}

// sipTLS is what a PBX's sip_tls changes of sip.tls. Its files are read at each connection,
// so that a renewed certificate is taken; what cannot be read then is as it was before.
func (b *Bridge) sipTLS(t config.TLSClient) (func(*tls.Config), error) {
	own, err := t.Config()
	if own == nil {
		return nil, err
	}
	var last atomic.Pointer[tls.Config]
	last.Store(own)
	return func(c *tls.Config) {
		if now, err := t.Config(); err == nil {
			last.Store(now)
		} else {
			b.log.Error("changed TLS files of a PBX cannot be used; those in force stay", "error", err)
		}
		own := last.Load()
		c.InsecureSkipVerify = own.InsecureSkipVerify
		if own.ServerName != "" {
			c.ServerName = own.ServerName
		}
		if own.RootCAs != nil {
			c.RootCAs = own.RootCAs
		}
		if len(own.Certificates) > 0 {
			c.Certificates = own.Certificates
		}
	}, nil
}

// registered reports whether a phone is known by its registration through the edge.
func (b *Bridge) registered(f notifier.Flow, aor string) bool {
	return b.edge != nil && b.cfg.Load().Edge.TrustRegistrations && b.edge.Registered(f, aor)
}

// registers is registered, but waits for it until stop is closed or so long at most.
func (b *Bridge) registers(f notifier.Flow, aor string, stop <-chan struct{}, most time.Duration) bool {
	return b.edge != nil && b.cfg.Load().Edge.TrustRegistrations && b.edge.Registers(f, aor, stop, most)
}

// edgePrefix begins what the edge keeps: among the lamps, under names that none can have.
const edgePrefix = "\x00edge."

// edgeKeyName is where the key is kept.
const edgeKeyName = edgePrefix + "key"

// edgeKey is the configuration's key, else the one in the store, which all that share it
// have; the first makes it.
func (b *Bridge) edgeKey(ctx context.Context, c *config.Config) ([]byte, error) {
	if key := []byte(c.Edge.Key); len(key) > 0 {
		return key, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	key, err := b.storedKey(ctx)
	if err != nil || key != nil {
		return key, err
	}
	key = make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	if r, ok := b.backend.(*store.Redis); ok {
		return r.KeepFirst(ctx, edgeKeyName, key) // another process may make one at the same time
	}
	return key, b.backend.Commit(ctx, nil, []store.LampDelta{{Key: edgeKeyName, Value: key}})
}

func (b *Bridge) storedKey(ctx context.Context) (key []byte, err error) {
	err = b.backend.LoadLamps(ctx, func(name string, v []byte) error {
		if name == edgeKeyName {
			key = v
		}
		return nil
	})
	return key, err
}
