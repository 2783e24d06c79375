package sipua

import (
	"cmp"
	"net/netip"
	"strings"

	"blfbridge/bridge/notifier"
	"blfbridge/policy"
)

// claim is who the sender of a request says to be.
type claim struct {
	uri sipURI
	ok  bool // it can be read
	// tenant is that of the host claimed, empty if it is nobody's.
	tenant string
	// trusted: the source is in a trusted network, or a PBX has let the sender register.
	trusted bool
}

func (s *Server) claimOf(q *ask, snap *policy.Snapshot, local netip.AddrPort) (c claim) {
	c.trusted = snap.Trusts(q.hop.source.Addr()) && !q.hop.proxied
	if c.uri, c.ok = claimedIdentity(q, c.trusted); c.uri.host != "" {
		c.tenant, _ = snap.TenantByHost(c.uri.host, nil)
	}
	c.trusted = c.trusted || s.registered(q, c.uri, local)
	return c
}

// registered reports whether a PBX has accepted a registration of that very identity,
// over the very flow that the request came by.
func (s *Server) registered(q *ask, claimed sipURI, local netip.AddrPort) bool {
	return s.config.Registered != nil && claimed.user != "" && s.config.Registered(
		notifier.Flow{Transport: q.hop.transport, Local: local, Remote: q.hop.source},
		claimed.user+"@"+strings.ToLower(claimed.host))
}

// caller is what is known of a watcher before it is identified.
type caller struct {
	claim
	from policy.TrunkSource
}

// identity is who asks.
type identity struct {
	policy.Watcher
	// origin and user are of a trunk's request: by what the trunk was recognised, and the
	// digest user whose credentials held.
	origin, user string
}

// identify says who asks: what comes from a trunk is the trunk's; else by digest
// credentials, or from a trusted network by the identity claimed. Without either it
// returns the claimed identity untrusted, about which the policy decides. ask is the
// challenge of a 401, should it come to one.
func (s *Server) identify(q *ask, snap *policy.Snapshot, c caller) (id identity, ask challenge, err error) {
	if !c.ok {
		return id, ask, malformed("the identity of the watcher cannot be read")
	}
	if trunk, ok := snap.TrunkBySource(c.from); ok {
		id, ask = s.identifyTrunk(q, snap, &c, trunk)
		return id, ask, nil
	}
	tenant := cmp.Or(c.tenant, c.from.Tenant)
	cred, result, ask := s.checkDigest(q, snap, tenant)
	if result == authGood && isPerson(cred.Watcher.Kind) {
		id.Watcher = cred.Watcher
		return id, ask, nil
	}
	known := false
	if id.Watcher, known = snap.WatcherByIdentity(tenant, c.uri.user); !known {
		id.ID = unescape(c.uri.user)
		if c.uri.host != "" {
			id.ID += "@" + c.uri.host
		}
	}
	if id.Trusted = c.trusted; result != authNone {
		err = mustProve(c.trusted)
	}
	return id, ask, err
}

// isPerson: an application user or the other end of a trunk is known by its trunk first;
// elsewhere its credentials prove nothing.
func isPerson(k policy.WatcherKind) bool {
	return k == policy.WatcherPhone || k == policy.WatcherEndUser
}

// checkDigest checks the digest credentials of a request against those of a tenant, and
// says what a 401 would ask for.
func (s *Server) checkDigest(q *ask, snap *policy.Snapshot, tenant string) (cred policy.Credential, result authResult, ask challenge) {
	ask.realm = s.realm(tenant)
	values := q.headers(kindAuthorization)
	if len(values) == 0 {
		return cred, authNone, ask
	}
	result, cred = s.verifier.check(proof{
		values: values, method: q.method, realm: ask.realm, now: s.config.Clock.Now(),
		find: func(user string) (policy.Credential, bool) { return snap.Credentials(tenant, user) },
		fits: func(uri string) bool { return digestURIFits(q, uri) },
	})
	if result != authNone {
		s.metrics.auth.WithLabelValues(authNames[result]).Inc()
	}
	ask.stale = result == authStale
	if result == authAlgorithm {
		ask.only = usable(snap, tenant, values)
	}
	return cred, result, ask
}

// mustProve is the outcome of credentials that did not hold: from a trusted network they
// do not matter (a phone may send those of its PBX).
func mustProve(trusted bool) error {
	if trusted {
		return nil
	}
	return ErrCredentials
}

// usable is the algorithm that the digest user of a request has a secret for, where the
// document holds a hash for one only; empty if there is none.
func usable(snap *policy.Snapshot, tenant string, authorization []string) algorithm {
	for _, a := range []algorithm{algSHA256, algMD5} {
		for _, value := range authorization {
			c, _ := parseCredentials(value)
			cred, ok := snap.Credentials(tenant, c.username)
			if c.algorithm = a; !ok {
				continue
			}
			if _, ok = ha1Of(c, cred); ok {
				return a
			}
		}
	}
	return ""
}

// realm of a tenant's challenges.
func (s *Server) realm(tenant string) string {
	return strings.ReplaceAll(s.config.Realm, "{tenant}", tenant)
}

// claimedIdentity is who the sender says to be: the first P-Asserted-Identity (RFC 3325
// §5: only from who is trusted), else From.
func claimedIdentity(q *ask, trusted bool) (sipURI, bool) {
	if trusted {
		for _, value := range q.headers(kindAsserted) {
			for v := range eachUnquoted(value, ',') {
				if u, ok := addressOf(v); ok && u.user != "" {
					return u, true
				}
			}
		}
	}
	return addressOf(q.header(kindFrom))
}

// digestURIFits reports whether credentials made for uri may serve this request. RFC
// 8760 §2.6 (6): the two need not be equal, since proxies rewrite the request URI;
// they must name the same user.
func digestURIFits(q *ask, uri string) bool {
	if uri == q.uri {
		return true
	}
	u, ok := parseURI(uri)
	if !ok {
		return false
	}
	if recipient, ok := parseURI(q.uri); ok && unescape(recipient.user) == unescape(u.user) {
		return true
	}
	to, ok := addressOf(q.header(kindTo))
	return ok && unescape(to.user) == unescape(u.user)
}

// WatchersRule words what the policy does with watchers that are no phone or user of
// the document, for the start of serve.
func WatchersRule(u policy.UnknownWatchers) string {
	as := u.As
	if as == "" {
		as = "Standard"
	}
	networks := "loopback, link-local and private networks"
	if len(u.TrustedNetworks) > 0 {
		networks = strings.Join(u.TrustedNetworks, ", ")
	}
	var from string
	switch as {
	case "refuse":
		from = "are refused"
	case "challenge":
		from = "must give credentials"
	default:
		from = "count as presence group " + as
	}
	others := "must give credentials"
	if u.Others == "refuse" {
		others = "are refused"
	}
	return "unknown watchers from " + networks + " " + from + "; from anywhere else they " + others
}
