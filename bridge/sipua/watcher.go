package sipua

import (
	"cmp"
	"strings"
	"time"

	"blfbridge/policy"
)

// claim is who the sender of a request says to be.
type claim struct {
	uri sipURI
	ok  bool // it can be read
	// tenant is that of the host claimed, empty if it is nobody's.
	tenant string
	// trusted: the source is in a trusted network.
	trusted bool
}

func claimOf(q *ask, snap *policy.Snapshot) (c claim) {
	c.trusted = snap.Trusts(q.hop.source.Addr())
	if c.uri, c.ok = claimedIdentity(q, c.trusted); c.uri.host != "" {
		c.tenant, _ = snap.TenantByHost(c.uri.host, nil)
	}
	return c
}

// caller is what is known of a watcher before it is identified.
type caller struct {
	claim
	targetTenant string
	now          time.Time
}

// identify says who asks: by digest credentials, or from a trusted network by the
// identity claimed. Without either it returns the claimed identity untrusted, about
// which the policy decides. ask is the challenge of a 401, should it come to one.
func (s *Server) identify(q *ask, snap *policy.Snapshot, c caller) (watcher policy.Watcher, ask challenge, err error) {
	if !c.ok {
		return watcher, ask, malformed("the identity of the watcher cannot be read")
	}
	claimed, trusted, tenant := c.uri, c.trusted, cmp.Or(c.tenant, c.targetTenant)
	ask.realm = s.realm(tenant)
	result, cred := authNone, policy.Credential{}
	if values := q.headers(kindAuthorization); len(values) > 0 {
		result, cred = s.verifier.check(proof{
			values: values, method: q.method, realm: ask.realm, now: c.now,
			find: func(user string) (policy.Credential, bool) { return snap.Credentials(tenant, user) },
			fits: func(uri string) bool { return digestURIFits(q, uri) },
		})
	}
	if result != authNone {
		s.metrics.auth.WithLabelValues(authNames[result]).Inc()
	}
	if result == authGood {
		return cred.Watcher, ask, nil
	}
	watcher, known := snap.WatcherByIdentity(tenant, claimed.user)
	if !known {
		watcher.ID = unescape(claimed.user)
		if claimed.host != "" {
			watcher.ID += "@" + claimed.host
		}
	}
	watcher.Trusted = trusted
	switch result {
	case authAlgorithm:
		// The document holds a hash for one algorithm only; ask for that one.
		for _, a := range []algorithm{algSHA256, algMD5} {
			if s.usable(snap, tenant, q, a) {
				ask.only = a
				break
			}
		}
		return watcher, ask, s.mustProve(trusted)
	case authBad:
		return watcher, ask, s.mustProve(trusted)
	case authStale:
		ask.stale = true
		return watcher, ask, s.mustProve(trusted)
	}
	return watcher, ask, nil
}

// mustProve is the outcome of credentials that did not hold: from a trusted network they
// do not matter (a phone may send those of its PBX).
func (s *Server) mustProve(trusted bool) error {
	if trusted {
		return nil
	}
	return ErrCredentials
}

// usable reports whether the digest user of a request has a secret for an algorithm.
func (s *Server) usable(snap *policy.Snapshot, tenant string, q *ask, a algorithm) bool {
	for _, value := range q.headers(kindAuthorization) {
		c, _ := parseCredentials(value)
		cred, ok := snap.Credentials(tenant, c.username)
		if c.algorithm = a; !ok {
			continue
		}
		if _, ok = ha1Of(c, cred); ok {
			return true
		}
	}
	return false
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
