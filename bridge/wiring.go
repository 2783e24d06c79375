package bridge

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"

	"github.com/prometheus/client_golang/prometheus"

	"blfbridge/bridge/certs"
	"blfbridge/bridge/config"
	"blfbridge/bridge/sipua"
	"blfbridge/bridge/store"
	"blfbridge/bridge/subscription"
	"blfbridge/policy"
	"blfbridge/policy/policystore"
)

// newSIP opens the sockets.
func (b *Bridge) newSIP(c *config.Config) (*sipua.Server, error) {
	listen, err := listens(c.SIP.Listen)
	if err != nil {
		return nil, err
	}
	nat, _ := sipua.ParseNATMode(c.SIP.NAT)
	rate := func(perSecond, burst int) sipua.Rate {
		if perSecond == 0 {
			return sipua.Rate{PerSecond: -1}
		}
		return sipua.Rate{PerSecond: float64(perSecond), Burst: float64(burst)}
	}
	if files := c.SIP.TLS.Files(); len(files.Pairs) > 0 {
		if b.certs, err = certs.New(certs.Config{Files: files, Logger: b.log, Registerer: b.registry}); err != nil {
			return nil, err
		}
	}
	sc := sipua.Config{
		Listen: listen, Advertise: c.SIP.Advertise, Realm: c.SIP.Realm,
		MinExpires: c.SIP.MinExpires, MaxExpires: c.SIP.MaxExpires, DefaultExpires: c.SIP.DefaultExpires,
		MaxSubscriptions: c.SIP.MaxSubscriptions, NAT: nat,
		Limits: sipua.Limits{
			PerSource: rate(c.SIP.Rate.PerSource, c.SIP.Rate.PerSourceBurst),
			PerTenant: rate(c.SIP.Rate.PerTenant, c.SIP.Rate.PerTenantBurst),
			Calm:      rate(c.SIP.Rate.Calm, c.SIP.Rate.Calm),
			Total:     rate(c.SIP.Rate.Total, c.SIP.Rate.TotalBurst),
		},
		WebSocket: sipua.WebSocket{Origins: c.SIP.WebSocket.Origins},
		Clock:     b.clock, Logger: b.log, Registerer: b.registry, ListenUDP: b.opts.ListenUDP,
		Policy:  b.policy.snapshot,
		Learned: func(tenant, number string) bool { return b.lamps.Learned(tenant, number) },
		Counts:  func(w policy.Watcher) policy.Counts { return b.notifier.Counts(w) },

		Registered: b.registered, Registers: b.registers, Features: dialledFeatures{b.policy},
	}
	if b.certs != nil {
		sc.TLS, sc.DialTLS = b.certs.Server(), b.certs.Client
	}
	return sipua.New(sc)
}

// listens reads sip.listen, whose form config has checked.
func listens(texts []string) ([]sipua.Listen, error) {
	var out []sipua.Listen
	for i, text := range texts {
		transport, address, err := config.SplitListen(text)
		if err != nil {
			return nil, fmt.Errorf("sip.listen[%d]: %w", i, err)
		}
		t, ok := subscription.ParseTransport(transport)
		addr, err := netip.ParseAddrPort(address)
		if !ok || err != nil {
			return nil, fmt.Errorf("sip.listen[%d]: %q is not transport://address:port", i, text)
		}
		out = append(out, sipua.Listen{Transport: t, Addr: addr})
	}
	return out, nil
}

// storeConfig turns the configuration's store into that of package store.
func storeConfig(c *config.Config, log *slog.Logger, r prometheus.Registerer) (store.Config, error) {
	s := c.Store
	out := store.Config{
		Kind: s.Type, Path: s.Path, Master: s.Master, Cluster: s.Cluster,
		Username: s.Username, Password: string(s.Password),
		SentinelUsername: s.SentinelUsername, SentinelPassword: string(s.SentinelPassword),
		Prefix: s.Prefix, WaitReplicas: s.WaitReplicas,
		DialTimeout: s.Timeout, ReadTimeout: s.Timeout, WriteTimeout: s.Timeout,
		Logger: log, Registerer: r,
	}
	for _, u := range s.URL {
		out.URLs = append(out.URLs, string(u))
	}
	tls, err := s.TLS.Config()
	if err != nil {
		return out, fmt.Errorf("store.tls: %w", err)
	}
	out.TLS = tls
	return out, nil
}

// OpenPolicy opens the policy's home alone, for commands that work without a server.
// The caller calls close.
func OpenPolicy(ctx context.Context, c *config.Config) (s policystore.Store, close func() error, err error) {
	sc, err := storeConfig(c, nil, nil)
	if err != nil {
		return nil, nil, err
	}
	backend, err := store.Open(ctx, sc)
	if err != nil {
		return nil, nil, err
	}
	return policyStore(backend, c, nil), backend.Close, nil
}

// policyStore is the policy's home in the store.
func policyStore(backend store.Backend, c *config.Config, log *slog.Logger) policystore.Store {
	if r, ok := backend.(*store.Redis); ok {
		return policystore.NewRedis(policystore.RedisConfig{Client: r.Client(), Prefix: c.Store.Prefix, Logger: log})
	}
	return policystore.NewBolt(backend.(*store.Bolt).DB())
}

// readPolicy puts the first policy in force: that of the file, else the store's.
func (b *Bridge) readPolicy(ctx context.Context, policies policystore.Store) error {
	var (
		d        *policy.Document
		revision uint64
		err      error
	)
	if file := b.cfg.Load().Policy.File; file != "" {
		d, err = readPolicyFile(file)
	} else if d, revision, err = policies.Load(ctx); err != nil && b.cfg.Load().Store.Type == "redis" {
		err = fmt.Errorf("%w: %w", store.ErrAway, err)
	}
	if err == nil {
		if err = b.policy.loadLogins(ctx, policies); err != nil {
			err = fmt.Errorf("%w: %w", store.ErrAway, err)
		}
	}
	if err != nil {
		return err
	}
	base, err := b.policy.compile(d)
	if err != nil {
		return err
	}
	b.policy.setTenants(ctx, sourceTenants(b.cfg.Load().PBX))
	b.policy.put(ctx, d, base, revision)
	return nil
}

// sourceTenants names the tenant of each PBX's domainless devices.
func sourceTenants(pbx []config.PBX) map[string]string {
	out := map[string]string{}
	for _, p := range pbx {
		if p.Tenant != "" {
			out[p.Name] = p.Tenant
		}
	}
	return out
}
