package sipua

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"blfbridge/bridge/eventpkg"
	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
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
}

// parseSubscribe does the checks that need only the request itself (DESIGN §3), in the
// order of RFC 3261 §8.2 and RFC 6665 §4.2.1.1.
func (s *Server) parseSubscribe(req *sip.Request) (p parsed, err error) {
	localTag := tagOf(req, "To")
	p.inDialog = localTag != ""
	if p.from, err = withoutTag(header(req, "From")); err != nil {
		return p, err
	}
	if p.to, err = withoutTag(header(req, "To")); err != nil {
		return p, err
	}
	// RFC 3261 §8.1.1.3: a From without tag names no dialog.
	from := tagOf(req, "From")
	if !isToken(from) || len(from) > maxIdentifier || len(localTag) > maxIdentifier || len(req.CallID().Value()) > maxIdentifier {
		return p, malformed("From has no tag, or a tag or Call-ID is too long")
	}
	if mf := header(req, "Max-Forwards"); mf != "" {
		if n, ok := parseUint(mf, 1<<31); !ok {
			return p, malformed("Max-Forwards is not a number")
		} else if n == 0 {
			return p, ErrTooManyHops
		}
	}
	if p.target, err = targetOf(req, p.inDialog); err != nil {
		return p, err
	}
	if tags := optionTags(req, "Require"); len(tags) > 0 {
		// RFC 3261 §8.2.2.3: we support no extension that can be required.
		return p, refusing{ErrExtension, []field{{"Unsupported", strings.Join(tags, ", ")}}}
	}
	if p.event, err = parseEvent(headerList(req, "Event")); err != nil {
		return p, err
	}
	asked, err := parseExpires(headerList(req, "Expires"))
	if err != nil {
		return p, err
	}
	if p.expires, err = s.lifetimes.grant(asked); err != nil {
		minimum := strconv.FormatInt(int64(s.lifetimes.min/time.Second), 10)
		return p, refusing{err, []field{{"Min-Expires", minimum}}}
	}
	content, ok := eventpkg.Negotiate(p.event.pkg.String(), headerList(req, "Accept"))
	p.content = content
	if !ok && (!p.inDialog || p.expires > 0) {
		return p, ErrAccept
	}
	if p.contact, err = contactOf(req); err != nil {
		return p, err
	}
	if !p.inDialog {
		p.routes, err = routeSet(headerList(req, "Record-Route"))
	}
	return p, err
}

// subscribe decides about a SUBSCRIBE and fills what the notifier needs but Answer.
func (s *Server) subscribe(req *sip.Request, local netip.AddrPort, received time.Time) (sub notifier.Subscribe, err error) {
	p, err := s.parseSubscribe(req)
	if err != nil {
		return sub, err
	}
	snap := s.config.Policy()
	if err = s.resolve(snap, &p.target); err != nil {
		return sub, err
	}
	hop, err := hopOf(req)
	if err != nil {
		return sub, err
	}
	watcher, challenge, err := s.identify(req, snap, caller{hop.source.Addr(), p.target.tenant, received})
	if err != nil {
		return sub, refusing{err, challenge}
	}
	decision, err := s.decide(snap, &p, watcher)
	if err != nil {
		return sub, refusing{err, challengeIf(err, challenge)}
	}
	flow, err := s.flow(req, &p, hop, local)
	if err != nil {
		return sub, err
	}
	userAgent := header(req, "User-Agent")
	dialect := eventpkg.DialectFor(userAgent)
	sub = notifier.Subscribe{
		CallID: req.CallID().Value(), RemoteTag: tagOf(req, "From"), LocalTag: tagOf(req, "To"),
		CSeq: req.CSeq().SeqNo, Expires: p.expires, Package: p.event.pkg, Content: p.content,
		Dialect: dialect, Flow: flow, Watcher: watcher, Decision: decision, Received: received,
	}
	sub.Cold = subscription.Cold{
		CallID: sub.CallID, LocalTag: sub.LocalTag, RemoteTag: sub.RemoteTag,
		LocalURI: p.to, RemoteURI: p.from, RemoteTarget: p.contact.bareText, Routes: p.routes,
		Transport: flow.Transport.String(), Local: flow.Local.String(), Remote: flow.Remote.String(),
		Advertised: s.advertised(flow.Local), EventID: p.event.id, EventParams: p.event.params,
		Accept: strings.Join(headerList(req, "Accept"), ", "), Entity: p.target.uri,
		DialectName: dialect.String(),
		Tenant:      decision.Line.Tenant, Partition: decision.Line.Partition, Number: decision.Line.Number,
		WatcherTenant: watcher.Tenant, WatcherID: watcher.ID, UserAgent: userAgent[:min(len(userAgent), maxIdentifier)],
	}
	return sub, nil
}

// decide asks the policy. What exists already is not counted against itself, and who
// only wants to leave may.
func (s *Server) decide(snap *policy.Snapshot, p *parsed, w policy.Watcher) (policy.Decision, error) {
	leaving := p.inDialog && p.expires == 0
	counts := policy.Counts{}
	if !p.inDialog && p.expires > 0 {
		counts = s.config.Counts(w)
		if limit := s.config.MaxSubscriptions; limit > 0 && counts.Total >= limit {
			return policy.Decision{}, ErrFull
		}
	}
	t := policy.Target{Tenant: p.target.tenant, Number: p.target.number}
	t.Learned = t.Number != "" && s.config.Learned(t.Tenant, t.Number)
	d := policy.Decide(snap, w, t, counts)
	if err := outcomeError(d.Outcome); err != nil && (!leaving || d.Outcome == policy.Challenged) {
		s.log.Debug("a SUBSCRIBE was refused", "watcher", w.ID, "presentity", t.Number, "event", p.event.pkg.String(), "rule", d.Rule)
		return d, err
	}
	if p.event.oneDialog && !leaving && !ownLine(snap, w, d.Line) {
		// FIELD §2.14, RFC 4235 §3.2: who may see one dialog's identifiers could take
		// the call over.
		return d, ErrForbidden
	}
	return d, nil
}

func challengeIf(err error, challenge []field) []field {
	if err == ErrCredentials { //nolint:errorlint // outcomeError returns it bare
		return challenge
	}
	return nil
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
	for _, p := range splitUnquoted(params, ';') {
		if n, _, _ := strings.Cut(p, "="); !strings.EqualFold(strings.TrimSpace(n), "tag") {
			address += ";" + p
		}
	}
	return address, nil
}

// contactOf reads the one Contact that a SUBSCRIBE must have (RFC 3261 §8.1.1.8, RFC
// 6665 §3.1.3): a SIP URI.
func contactOf(req *sip.Request) (sipURI, error) {
	values := headerList(req, "Contact")
	if len(values) != 1 || len(values[0]) > maxAddress || len(splitUnquoted(values[0], ',')) != 1 {
		return sipURI{}, malformed("SUBSCRIBE needs one Contact")
	}
	u, ok := addressOf(values[0])
	if !ok || u.scheme != "sip" && u.scheme != "sips" {
		return sipURI{}, malformed("Contact is no SIP URI")
	}
	return u, nil
}

// routeSet makes the route set of a UAS from Record-Route (RFC 3261 §12.1.1: the same order).
func routeSet(values []string) (string, error) {
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
func optionTags(req *sip.Request, name string) []string {
	var out []string
	for _, v := range headerList(req, name) {
		out = append(out, splitUnquoted(v, ',')...)
	}
	return out
}
