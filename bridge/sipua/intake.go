package sipua

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"blfbridge/bridge/eventpkg"
	"blfbridge/bridge/notifier"
	"blfbridge/policy"
)

// maxIdentifier bounds what of a request is kept for the life of a subscription: Call-ID,
// tags and event id, which together must fit a key of the store; maxAddress the addresses, each.
const (
	maxIdentifier = 256
	maxAddress    = 1024
)

// refusing is an error with the headers that its response carries.
type refusing struct {
	error
	fields []field
}

func (r refusing) Unwrap() error { return r.error }

// parsed is what a SUBSCRIBE says, before anything was decided.
type parsed struct {
	inDialog bool
	event    event
	expires  time.Duration
	content  eventpkg.Content
	contact  sipURI
	from     string // value without tag
	to       string
	target   wanted
	routes   string
	// maxForwards is 0 if the request does not say.
	maxForwards uint8
}

// parseSubscribe does the checks that need only the request itself (DESIGN §3), in the
// order of RFC 3261 §8.2 and RFC 6665 §4.2.1.1.
func (s *Server) parseSubscribe(q *ask) (p parsed, err error) {
	localTag := q.toTag
	p.inDialog = localTag != ""
	if p.from, err = withoutTag(q.header(kindFrom)); err != nil {
		return p, err
	}
	if p.to, err = withoutTag(q.header(kindTo)); err != nil {
		return p, err
	}
	// RFC 3261 §8.1.1.3: a From without tag names no dialog.
	from := q.fromTag
	if !isToken(from) || len(from) > maxIdentifier || len(localTag) > maxIdentifier || len(q.callID) > maxIdentifier {
		return p, malformed("From has no tag, or a tag or Call-ID is too long")
	}
	if mf := q.header(kindMaxForwards); mf != "" {
		if n, ok := parseUint(mf, 1<<31); !ok {
			return p, malformed("Max-Forwards is not a number")
		} else if n == 0 {
			return p, ErrTooManyHops
		} else {
			p.maxForwards = uint8(min(n, 255)) //nolint:gosec // bounded
		}
	}
	if p.target, err = targetOf(q, p.inDialog); err != nil {
		return p, err
	}
	if tags := optionTags(q.headers(kindRequire)); len(tags) > 0 {
		// RFC 3261 §8.2.2.3: we support no extension that can be required.
		return p, refusing{ErrExtension, []field{{"Unsupported", strings.Join(tags, ", ")}}}
	}
	if p.event, err = parseEvent(q.headers(kindEvent)); err != nil {
		return p, err
	}
	asked, err := parseExpires(q.headers(kindExpires))
	if err != nil {
		return p, err
	}
	if p.expires, err = s.lifetimes.grant(asked); err != nil {
		minimum := strconv.FormatInt(int64(s.lifetimes.min/time.Second), 10)
		return p, refusing{err, []field{{"Min-Expires", minimum}}}
	}
	content, ok := eventpkg.Negotiate(p.event.pkg.String(), q.headers(kindAccept))
	p.content = content
	if !ok && (!p.inDialog || p.expires > 0) {
		return p, ErrAccept
	}
	if p.contact, err = contactOf(q); err != nil {
		return p, err
	}
	if !p.inDialog {
		p.routes, err = routeSet(q.headers(kindRecordRoute))
	}
	return p, err
}

// subscribe decides about a SUBSCRIBE and fills what the notifier needs but Answer.
func (s *Server) subscribe(sub *notifier.Subscribe, q *ask, at at) error {
	p, err := s.parseSubscribe(q)
	if err != nil {
		return err
	}
	return s.accept(sub, q, &p, at)
}

// at is where and when a request came in.
type at struct {
	local    netip.AddrPort
	received time.Time
}

// accept decides about a SUBSCRIBE that was parsed.
func (s *Server) accept(sub *notifier.Subscribe, q *ask, p *parsed, at at) error {
	snap := s.config.Policy()
	if !q.hop.source.IsValid() {
		return ErrBadRequest
	}
	claim := s.claimOf(q, snap, at.local)
	target, err := s.resolve(snap, claim.tenant, p.target)
	if err != nil {
		return err
	}
	who, challenge, err := s.identify(q, snap, caller{claim, s.trunkSource(q, snap, at.local, target.Tenant)})
	if err != nil {
		return s.challenged(err, challenge)
	}
	if leaving := p.inDialog && p.expires == 0; !leaving && !s.tenants.allow(target.Tenant) {
		s.metrics.dropped.WithLabelValues("tenant_rate").Inc()
		return ErrOverload
	}
	decision, err := s.decide(snap, p, who.Watcher, target)
	if err != nil {
		return s.challenged(err, challenge)
	}
	if begins := !p.inDialog && p.expires > 0; begins && !s.calm.allow() || s.screener.limits.busy() {
		if d := s.lifetimes.spread(p.expires); d < p.expires {
			p.expires = d
			s.metrics.shortened.Inc()
		}
	}
	flow := s.flow(q, p, at.local)
	userAgent := q.header(kindUserAgent)
	dialect := eventpkg.DialectFor(userAgent)
	*sub = notifier.Subscribe{
		CallID: q.callID, RemoteTag: q.fromTag, LocalTag: q.toTag,
		CSeq: q.cseq, Expires: p.expires, Package: p.event.pkg, Content: p.content,
		Dialect: dialect, Flow: flow, Watcher: who.Watcher, Decision: decision, Received: at.received,
		MaxForwards: p.maxForwards,
	}
	c := &sub.Cold
	c.CallID, c.LocalTag, c.RemoteTag = sub.CallID, sub.LocalTag, sub.RemoteTag
	c.LocalURI, c.RemoteURI, c.RemoteTarget, c.Routes = p.to, p.from, p.contact.bareText, p.routes
	c.Transport, c.Local, c.Remote = flow.Transport.String(), s.textOf(flow.Local), flow.Remote.String()
	c.Advertised, c.EventID, c.EventParams = s.advertised(flow.Local), p.event.id, p.event.params
	c.Accept, c.Entity, c.DialectName = strings.Join(q.headers(kindAccept), ", "), p.target.uri, dialect.String()
	c.Tenant, c.Partition, c.Number = decision.Line.Tenant, decision.Line.Partition, decision.Line.Number
	c.WatcherTenant, c.WatcherID, c.UserAgent = who.Tenant, who.ID, userAgent[:min(len(userAgent), maxIdentifier)]
	c.AppUser, c.Origin = who.user, who.origin
	return nil
}

// decide asks the policy. What exists already is not counted against itself, and who
// only wants to leave may.
func (s *Server) decide(snap *policy.Snapshot, p *parsed, w policy.Watcher, t policy.Target) (policy.Decision, error) {
	leaving := p.inDialog && p.expires == 0
	counts := policy.Counts{}
	if !p.inDialog && p.expires > 0 {
		counts = s.config.Counts(w)
		if limit := s.config.MaxSubscriptions; limit > 0 && counts.Total >= limit {
			return policy.Decision{}, ErrFull
		}
	}
	d := policy.Decide(snap, w, t, counts)
	if err := outcomeError(d.Outcome); err != nil && (!leaving || d.Outcome == policy.Challenged) {
		s.log.Debug("a SUBSCRIBE was refused", "watcher", w.ID, "presentity", t.Number, "event", p.event.pkg.String(), "rule", d.Rule)
		return d, err
	}
	if s.log.Enabled(context.Background(), slog.LevelDebug) { // for debug presence
		s.log.Debug("a SUBSCRIBE was decided", "watcher", w.ID, "presentity", t.Number, "event", p.event.pkg.String(),
			"outcome", d.Outcome.String(), "step", d.Step.String(), "rule", d.Rule, "view", d.View.String())
	}
	if p.event.oneDialog && !leaving && !ownLine(snap, w, d.Line) {
		// FIELD §2.14, RFC 4235 §3.2: who may see one dialog's identifiers could take
		// the call over.
		return d, ErrForbidden
	}
	return d, nil
}

// challenged adds the challenges to an error that asks for credentials.
func (s *Server) challenged(err error, c challenge) error {
	if err != ErrCredentials { //nolint:errorlint // it is returned bare
		return err
	}
	return refusing{err, s.verifier.challengeValues(c, s.config.Clock.Now())}
}

// ownLine reports whether a line is one of the watching phone's own.
func ownLine(snap *policy.Snapshot, w policy.Watcher, l policy.Line) bool {
	return w.Kind == policy.WatcherPhone && slices.ContainsFunc(snap.Phones(w.Tenant), func(p policy.PhoneInfo) bool {
		return p.Name == w.ID && slices.Contains(p.Lines, l)
	})
}

// withoutTag checks a From or To value and takes its tag off; other parameters stay.
func withoutTag(value string) (string, error) {
	address, params := splitAddress(value)
	uri, ok := addressURI(address)
	if ok {
		_, ok = parseURI(uri)
	}
	if !ok || len(value) > maxAddress {
		return "", malformed("From or To is no address, or too long")
	}
	for p := range eachUnquoted(params, ';') {
		if n, _, _ := strings.Cut(p, "="); !strings.EqualFold(strings.TrimSpace(n), "tag") {
			address += ";" + p
		}
	}
	return address, nil
}

// contactOf reads the one Contact that a SUBSCRIBE must have (RFC 3261 §8.1.1.8, RFC
// 6665 §3.1.3): a SIP URI.
func contactOf(q *ask) (sipURI, error) {
	values := q.headers(kindContact)
	if len(values) != 1 || len(values[0]) > maxAddress || !single(values[0]) {
		return sipURI{}, malformed("SUBSCRIBE needs one Contact")
	}
	u, ok := q.contact, true
	if q.contactText != values[0] {
		u, ok = addressOf(values[0])
	}
	if !ok || u.scheme != "sip" && u.scheme != "sips" {
		return sipURI{}, malformed("Contact is no SIP URI")
	}
	return u, nil
}

// single reports whether a value is one, not a list with commas.
func single(value string) bool {
	n := 0
	for range eachUnquoted(value, ',') {
		n++
	}
	return n == 1
}

// routeSet makes the route set of a UAS from Record-Route (RFC 3261 §12.1.1: the same order).
func routeSet(values []string) (string, error) {
	if len(values) == 0 {
		return "", nil
	}
	var routes []string
	for _, v := range values {
		for _, r := range splitUnquoted(v, ',') {
			u, ok := addressOf(r)
			if !ok || u.host == "" {
				return "", malformed("Record-Route is no list of SIP URIs")
			}
			routes = append(routes, r)
		}
	}
	set := strings.Join(routes, ", ")
	if len(set) > 2*maxAddress {
		return "", malformed("Record-Route is too long")
	}
	return set, nil
}

// optionTags lists the option tags of a header (RFC 3261 §19.2).
func optionTags(values []string) (out []string) {
	for _, v := range values {
		out = append(out, splitUnquoted(v, ',')...)
	}
	return out
}
