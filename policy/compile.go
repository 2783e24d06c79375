package policy

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// defaultTrusted are the networks whose watchers need no credentials by default:
// loopback, link-local and private ones.
var defaultTrusted = []string{
	"127.0.0.0/8", "::1/128", "169.254.0.0/16", "fe80::/10",
	"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7",
}

// Compile makes a Snapshot of a document, which may be nil for the zero one. The error
// is of type Problems and holds everything that Validate finds. The document is not
// kept: it may be changed afterwards.
func Compile(d *Document) (*Snapshot, error) {
	if d == nil {
		d = &Document{}
	}
	if err := Validate(d); err != nil {
		return nil, err
	}
	s := &Snapshot{
		tenants:          map[string]*tenant{},
		hosts:            map[string]*tenant{},
		learnDomains:     d.LearnDomains == nil || *d.LearnDomains,
		callLists:        d.BLFForCallLists != SwitchOff,
		refuseUnwatched:  d.AllowWatchOffAs == Refuse,
		maxSubscriptions: d.MaxSubscriptions,
		maxPerWatcher:    d.MaxSubscriptionsPerWatcher,
		enabled:          d.PresenceEnable == nil || *d.PresenceEnable,
		pretendIdle:      d.RefusedAs == PretendIdle,
		watcherAll:       d.WatcherAll,
		allowSubscribe:   d.AllowSubscribe == nil || *d.AllowSubscribe,
		retryInterval:    cmp.Or(d.RetryInterval, DefaultRetryInterval),
		retryLimit:       cmp.Or(d.RetryLimit, DefaultRetryLimit),
		limitRule:        fmt.Sprintf("max_subscriptions: %d", d.MaxSubscriptions),
		watcherLimitRule: fmt.Sprintf("max_subscriptions_per_watcher: %d", d.MaxSubscriptionsPerWatcher),
		othersRefuse:     d.UnknownWatchers.Others == Refuse,
		unknownAs:        cmp.Or(d.UnknownWatchers.As, StandardGroup),
		cross:            map[crossKey]relation{},
		crossTenants:     map[[2]string]bool{},
	}
	s.systemDefault = defaultRelation(d.DefaultInterPresenceGroupSubscription)
	for _, n := range trustedNetworks(d) {
		p, _ := parsePrefix(n) // validated
		s.trusted = append(s.trusted, p)
	}
	for i := range d.Tenants {
		t := s.compileTenant(&d.Tenants[i])
		t.listed = true
		s.listed = append(s.listed, t.name)
		s.tenants[t.name] = t
		for _, h := range t.domains {
			s.hosts[h] = t
		}
	}
	s.trunkIndex = s.indexTrunks()
	s.compileCross(d)
	s.global = globals{
		allow: s.systemDefault.allow, enabled: s.enabled, pretendIdle: s.pretendIdle,
		watcherAll: s.watcherAll, allowSubscribe: s.allowSubscribe,
		callLists: s.callLists, refuseUnwatched: s.refuseUnwatched,
		maxSubscriptions: s.maxSubscriptions, maxPer: s.maxPerWatcher,
		as: s.unknownAs, others: d.UnknownWatchers.Others,
		networks: fmt.Sprint(s.trusted), crossed: crossText(d),
	}
	s.fallback = d.DefaultTenant
	return s.WithDomains(nil), nil
}

func trustedNetworks(d *Document) []string {
	if len(d.UnknownWatchers.TrustedNetworks) > 0 {
		return d.UnknownWatchers.TrustedNetworks
	}
	return defaultTrusted
}

// parsePrefix reads a network or a single address.
func parsePrefix(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, err
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err
}

func defaultRelation(p Permission) relation {
	allow := p == Allow
	word := Disallow
	if allow {
		word = Allow
	}
	return relation{
		allow: allow, pickup: allow, view: ViewNumber,
		rule:       "default inter-presence-group subscription: " + string(word),
		pickupRule: "default inter-presence-group subscription: " + string(word),
	}
}

// WithDomains returns a snapshot that also serves the domains which PBXs report: each
// that no tenant lists becomes a tenant of that name, unless learn_domains is off or
// the only tenant of the document lists no domains and so takes them all. The list is
// the whole set, in any order; "" stands for devices without a domain. It replaces what
// an earlier call said.
func (s *Snapshot) WithDomains(domains []string) *Snapshot {
	n := *s
	n.hosts = map[string]*tenant{}
	n.tenants = map[string]*tenant{}
	n.learned = nil
	for _, name := range s.listed {
		t := s.tenants[name]
		if !t.listed {
			continue
		}
		n.tenants[name] = t
		for _, h := range t.domains {
			n.hosts[h] = t
		}
	}
	n.listed = slices.DeleteFunc(slices.Clone(s.listed), func(name string) bool { return n.tenants[name] == nil })

	sole := n.soleListed()
	bare := false
	for _, d := range domains {
		d = normaliseHost(d)
		switch {
		case d == "":
			bare = true
		case n.hosts[d] != nil || n.tenants[d] != nil, !s.learnDomains, sole != nil && len(sole.domains) == 0:
		default:
			t := s.implicit(d)
			n.tenants[d], n.hosts[d] = t, t
			n.learned = append(n.learned, d)
		}
	}
	if len(n.listed) == 0 && (bare || len(n.learned) == 0) {
		// A document without tenants still has one, for devices without a domain.
		if n.tenants[DefaultTenant] == nil {
			n.tenants[DefaultTenant] = s.implicit(DefaultTenant)
			n.learned = append(n.learned, DefaultTenant)
		}
	}
	slices.Sort(n.learned)

	n.sole = sole
	if len(n.listed) == 0 && len(n.learned) == 1 {
		n.sole = n.tenants[n.learned[0]]
	}
	if n.fallback == "" || n.tenants[n.fallback] == nil {
		n.fallback = DefaultTenant
		if len(n.listed) > 0 {
			n.fallback = n.listed[0]
		}
	}
	return &n
}

// implicit is the tenant of a learned domain; the one already compiled, if there is one.
func (s *Snapshot) implicit(name string) *tenant {
	if t := s.tenants[name]; t != nil && !t.listed {
		return t
	}
	return s.compileTenant(&Tenant{Name: name})
}

func (s *Snapshot) compileCross(d *Document) {
	for _, c := range d.CrossTenantPermissions {
		from, to := cmp.Or(c.From.PresenceGroup, StandardGroup), cmp.Or(c.To.PresenceGroup, StandardGroup)
		r := relation{
			allow: true, view: ViewNumber, pickup: c.Pickup != nil && *c.Pickup,
			rule: fmt.Sprintf("cross-tenant permission %q of %q→%q of %q: allow", from, c.From.Tenant, to, c.To.Tenant),
		}
		if c.View != nil {
			r.view = *c.View
		}
		r.pickupRule = r.rule + fmt.Sprintf(", pickup: %t", r.pickup)
		s.cross[crossKey{c.From.Tenant, from, c.To.Tenant, to}] = r
		s.crossTenants[[2]string{c.From.Tenant, c.To.Tenant}] = true
	}
}

func crossText(d *Document) string {
	var lines []string
	for _, c := range d.CrossTenantPermissions {
		v, p := ViewNumber, false
		if c.View != nil {
			v = *c.View
		}
		if c.Pickup != nil {
			p = *c.Pickup
		}
		lines = append(lines, fmt.Sprintf("%q %q %v %v", c.From, c.To, v, p))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
