package policy

import "strings"

// ResolveTarget finds what a request URI names: the tenant of its host and the number,
// without pickup code; or a SIP URI of a foreign host, where the watcher's tenant (empty:
// the default one) has a route for that. ours is as for TenantByHost. ok is false if
// nobody has the host. Learned is left to the caller.
func (s *Snapshot) ResolveTarget(watcherTenant, user, host string, ours func(host string) bool) (t Target, ok bool) {
	h := normaliseHost(host)
	if h != "" && s.hosts[h] == nil {
		if watcherTenant == "" {
			watcherTenant = s.fallback
		}
		if wt := s.tenants[watcherTenant]; wt != nil && wt.foreign(h) && (ours == nil || !ours(h)) {
			return Target{Tenant: watcherTenant, Number: unescape(user) + "@" + h, Host: h}, true
		}
	}
	tenant, ok := s.TenantByHost(h, ours)
	if !ok {
		return Target{}, false
	}
	t, _ = s.TargetIn(tenant, user)
	return t, true
}

// TargetIn is a number within a tenant as a Target; pickup reports that it stood behind
// the pickup code, which is taken off.
func (s *Snapshot) TargetIn(tenant, number string) (t Target, pickup bool) {
	t.Tenant = tenant
	t.Number, pickup = s.StripPickup(tenant, number)
	t.Bare = pickup && t.Number == ""
	return t, pickup
}

// SplitURI takes user and host (with its port) out of a SIP or tel URI, with or without
// angle brackets, of user@host as CUCM writes it, or of a bare number or name, which has
// no host. The user keeps its escapes.
func SplitURI(uri string) (user, host string) {
	uri = strings.TrimSpace(uri)
	if i := strings.IndexByte(uri, '<'); i >= 0 {
		uri, _, _ = strings.Cut(uri[i+1:], ">")
	}
	rest, sip := cutScheme(uri)
	if rest == uri && SpecialName(uri) {
		return uri, "" // park:701@parkedcalls: the @ is its own
	}
	at := strings.LastIndexByte(rest, '@')
	if at < 0 && !sip {
		return rest, ""
	}
	host = rest[at+1:]
	if i := strings.IndexAny(host, ";?>"); i >= 0 {
		host = host[:i]
	}
	return rest[:max(at, 0)], host
}

// cutScheme takes a scheme of ours off; sip reports that a host must follow.
func cutScheme(uri string) (rest string, sip bool) {
	for _, scheme := range [...]string{"sip:", "sips:", "tel:"} {
		if len(uri) >= len(scheme) && strings.EqualFold(uri[:len(scheme)], scheme) {
			return uri[len(scheme):], scheme != "tel:"
		}
	}
	return uri, false
}

// foreign reports whether a normalised host, which is no tenant's, has external
// presentities: a SIP route pattern matches it, or the tenant has domains of its own and
// sends the rest to its default presence trunk.
func (t *tenant) foreign(host string) bool {
	return t.routing.knows(host) || t.routing.fallback != nil && len(t.domains) > 0
}
