package sipua

import (
	"net/netip"
	"strings"

	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

// wanted is what a SUBSCRIBE asks to watch.
type wanted struct {
	uri  string // as subscribed to
	user string // of the URI, escapes as sent; the number of a tel URI
	host string // empty for a tel URI
}

// targetOf finds the target: the request URI, or To where the request URI has no user
// (Yealink). Within a dialog the request URI is our own Contact, so To comes first.
func targetOf(q *ask, inDialog bool) (wanted, error) {
	recipient, ok := parseURI(q.uri)
	if !ok {
		return wanted{}, malformed("the request URI cannot be read")
	}
	if !recipient.served() {
		return wanted{}, ErrScheme
	}
	if recipient.scheme == "sips" && q.vias <= 1 && q.hop.transport != subscription.TLS && q.hop.transport != subscription.WSS {
		// RFC 3261 §26.2.2: not over TLS. What a proxy of the domain passes on is the
		// domain's affair.
		return wanted{}, ErrSecure
	}
	to, toOK := addressOf(q.header(kindTo))
	w := wanted{uri: recipient.bareText, user: recipient.user, host: recipient.host}
	if toOK && to.user != "" && (inDialog || recipient.user == "") {
		w.uri, w.user = to.bareText, to.user
		// The host of our Contact, or of a request URI without user, is our address.
		if to.host != "" {
			w.host = to.host
		}
	}
	if w.user == "" {
		return w, ErrNotFound
	}
	return w, nil
}

// addressOf parses the URI of a From, To or Contact value.
func addressOf(value string) (sipURI, bool) {
	address, _ := splitAddress(value)
	text, ok := addressURI(address)
	if !ok {
		return sipURI{}, false
	}
	return parseURI(text)
}

// resolve finds what a watcher of that tenant (empty: unknown yet) means.
func (s *Server) resolve(snap *policy.Snapshot, watcherTenant string, w wanted) (policy.Target, error) {
	t, ok := snap.ResolveTarget(watcherTenant, w.user, w.host, s.ours)
	if !ok {
		return t, ErrNotFound
	}
	t.Learned = t.Host == "" && t.Number != "" && s.config.Learned(t.Tenant, t.Number)
	return t, nil
}

// ours reports whether a host is this server: an address it listens on, or what it advertises.
func (s *Server) ours(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return s.localIPs[a.Unmap()] || host == s.advertisedHost
	}
	return strings.EqualFold(host, s.advertisedHost) || strings.EqualFold(host, "localhost")
}
