package pickup

import (
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/device"
	"blfbridge/policy"
)

// Mode is how a PBX is made to hand a ringing call over.
type Mode uint8

const (
	// Native: INVITE with Replaces of the ringing callee leg.
	Native Mode = iota
	// Dialplan: INVITE to the PBX's own pickup code and the number.
	Dialplan
)

// Type is the kind of PBX: they read Replaces differently.
type Type uint8

const (
	Asterisk Type = iota
	FreeSWITCH
)

// PBX is how one PBX picks up.
type PBX struct {
	Type Type
	Mode Mode
	// Code is the PBX's own pickup code (*8, **, *89), which Dialplan dials; a phone that
	// dials it itself is decided about as well. Empty = it has none.
	Code string
	// Blind: it never tells the identifiers of a ringing call.
	Blind bool
}

// Lines is what is asked of the compositor; safe for concurrent use.
type Lines interface {
	// Ringing are all legs that ring now.
	Ringing() []compositor.Ringing
	// Legs are those of a SIP Call-ID, whatever their phase.
	Legs(callID string) []compositor.Leg
	// Learned reports whether a PBX of the tenant reported the number, or may yet.
	Learned(tenant, number string) bool
	Intern(compositor.Key) uint32
	Lamp(id uint32) compositor.Lamp
}

// Config is what New needs; Lines and Policy are required.
type Config struct {
	Lines  Lines
	Policy func() *policy.Snapshot
	// Ours reports whether a host is this server.
	Ours func(host string) bool
	// PBX tells of a source; a name without entry is a native Asterisk.
	PBX map[string]PBX
	// Tokens reads what lamps showed; nil = they showed none.
	Tokens     *Tokens
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Picker decides about requests that could pick a call up. It is immutable and safe for
// concurrent use.
type Picker struct {
	Config
	codes   []string // of PBXs, the longest first
	metrics *metrics
}

// New makes a Picker.
func New(c Config) *Picker {
	p := &Picker{Config: c, metrics: newMetrics(c.Registerer)}
	if p.Logger == nil {
		p.Logger = slog.New(slog.DiscardHandler)
	}
	for _, x := range c.PBX {
		if x.Code != "" && !slices.Contains(p.codes, x.Code) {
			p.codes = append(p.codes, x.Code)
		}
	}
	slices.SortFunc(p.codes, func(a, b string) int { return len(b) - len(a) })
	return p
}

// Invite is an INVITE from a phone towards a PBX.
type Invite struct {
	// Watcher is who sends it, Trusted set if that is known (registered, or a trusted network).
	Watcher policy.Watcher
	// Tenant of the request URI's host, and its user part as sent.
	Tenant, User string
	// InDialog: To has a tag.
	InDialog bool
	// Replaces and Join are the values of these headers.
	Replaces, Join []string
	// Own reports whether an established dialog is the sender's; nil = that is not known.
	Own func(Dialog) bool
	// Last: there is no more time to wait.
	Last bool

	// dial: by the PBX's own code, however it is picked up otherwise.
	dial bool
}

// Dialog names one as Replaces does.
type Dialog struct{ CallID, ToTag, FromTag string }

// Invite decides about an INVITE before it is relayed.
func (p *Picker) Invite(in Invite) Verdict {
	v := p.invite(in)
	p.note(v, in.Watcher, in.User)
	return v
}

func (p *Picker) invite(in Invite) Verdict {
	switch {
	case len(in.Join) > 0:
		// RFC 3911: it would let the phone into somebody's call.
		return refuse(403, "Join Not Allowed", "Join is not for phones")
	case len(in.Replaces) == 0 && in.InDialog:
		return Verdict{}
	case len(in.Replaces) > 1 || len(in.Replaces) == 1 && in.InDialog:
		// RFC 3891 §3: one Replaces, and not within a dialog.
		return refuse(400, "Bad Replaces", "one Replaces in an INVITE outside of a dialog, no more")
	case len(in.Replaces) == 1:
		return p.byReplaces(in)
	}
	number, code := p.code(in.Tenant, in.User)
	switch {
	case !code:
		return Verdict{}
	case number == "":
		return p.bare(in)
	}
	return p.byNumber(in, number)
}

// code takes a pickup code off the user part of a URI: the tenant's, or one of a PBX's own,
// which would get round the policy.
func (p *Picker) code(tenant, user string) (number string, code bool) {
	snap := p.Policy()
	if number, code = snap.StripPickup(tenant, user); code {
		return number, true
	}
	// Asterisk's patterns overlook visual separators.
	plain := strings.NewReplacer("-", "", ".", "", " ", "", "(", "", ")", "").Replace(number)
	if rest, ok := strings.CutPrefix(plain, snap.PickupCode(tenant)); ok {
		return snap.Normalise(tenant, rest), true
	}
	for _, c := range p.codes {
		if rest, ok := strings.CutPrefix(plain, c); ok {
			return snap.Normalise(tenant, rest), true
		}
	}
	return number, false
}

func (p *Picker) byNumber(in Invite, number string) Verdict {
	d := p.decide(in.Watcher, policy.Line{Tenant: in.Tenant, Number: number})
	if v, refused := refusal(d, number); refused {
		return v
	}
	legs := p.of(d.Line)
	if len(legs) == 0 {
		return p.gone(d, number)
	}
	return p.take(in, legs, d)
}

// gone tells why there is nothing to pick up at a line that the watcher may watch.
func (p *Picker) gone(d policy.Decision, number string) Verdict {
	l := p.Lines.Lamp(p.Lines.Intern(compositor.Key{Line: d.Line}))
	if d.View >= policy.ViewState && d.View != policy.ViewIdle && slices.ContainsFunc(l.Calls, func(c device.Call) bool {
		return c.Direction == device.Recipient && (c.Phase == device.Confirmed || c.Phase == device.Held)
	}) {
		return answered(number)
	}
	return nothing(number + " does not ring")
}

// bare finds the one line that rings and that the watcher may pick up.
func (p *Picker) bare(in Invite) Verdict {
	own := p.decideBare(in.Watcher, in.Tenant)
	if !own.Allow() {
		v, _ := refusal(own, "")
		return v
	}
	candidates, refused := Candidates(p.Lines.Ringing(), func(l policy.Line) policy.Decision { return p.decide(in.Watcher, l) })
	switch len(candidates) {
	case 1:
		return p.take(in, p.of(candidates[0]), p.decide(in.Watcher, candidates[0]))
	case 0:
		if refused > 0 {
			return refuse(403, "Pickup Not Allowed", "what rings may not be picked up from here")
		}
		return nothing("nothing rings")
	}
	numbers := make([]string, len(candidates))
	for i, l := range candidates {
		numbers[i] = l.Number
	}
	return refuse(485, "Several Calls Ring", "dial the code and one of %s", strings.Join(numbers, ", "))
}

// byReplaces is a phone's own INVITE with Replaces: a token, or what it knows otherwise.
func (p *Picker) byReplaces(in Invite) Verdict {
	r, ok := parseReplaces(in.Replaces[0])
	if !ok {
		return refuse(400, "Bad Replaces", "Replaces needs a call-id, a to-tag and a from-tag")
	}
	var legs []compositor.Ringing
	if isToken(r.callID) {
		if p.Tokens == nil {
			return unknownCall()
		}
		c, genuine := p.Tokens.open(r.callID, in.Watcher)
		switch {
		case !genuine:
			return refuse(403, "Pickup Not Allowed", "the identifiers are not those that this phone was shown")
		case time.Now().After(c.expires):
			return nothing("the lamp's identifiers have expired")
		}
		legs = p.legs(func(x *compositor.Ringing) bool { return string(p.Tokens.call(x.Call.Dialog)) == c.call })
		if len(legs) == 0 {
			return nothing("the call does not ring any more")
		}
	} else if legs = p.legs(func(x *compositor.Ringing) bool { return x.Call.Dialog.CallID == r.callID }); len(legs) == 0 {
		if in.Own != nil && in.Own(Dialog{r.callID, r.toTag, r.fromTag}) {
			return Verdict{} // it moves a call of its own, which takes nothing from anybody
		}
		return unknownCall()
	}
	// One leg may ring on several lines: any of them that may be picked up will do.
	var first Verdict
	for i, leg := range legs {
		d := p.decide(in.Watcher, leg.Line)
		v, refused := refusal(d, leg.Line.Number)
		if !refused {
			return p.take(in, legs[i:i+1], d)
		}
		if i == 0 {
			first = v
		}
	}
	if first.Status == 404 {
		return unknownCall() // as if it did not exist
	}
	return first
}

// take makes the INVITE that takes one of the legs over: the one that rings longest.
func (p *Picker) take(in Invite, legs []compositor.Ringing, d policy.Decision) Verdict {
	if len(legs) == 0 {
		return nothing(d.Line.Number + " does not ring any more")
	}
	leg := legs[0]
	x := p.PBX[leg.Source]
	v := Verdict{Action: Send, Source: leg.Source, Host: leg.Domain, User: dialled(&leg), Caller: shown(leg.Call.Remote, d.View)}
	if x.Mode == Dialplan || in.dial {
		v.User = x.Code + v.User
		return v
	}
	if leg.Call.Dialog == (device.SIPDialog{}) {
		v := refuse(480, "Not Ready To Pick Up", "the PBX has not told the identifiers of the call yet (pbx.dialogs must be on); try again")
		if !in.Last && !x.Blind {
			v.Action = Wait // they follow the ringing within milliseconds
		}
		return v
	}
	v.Replaces = replacesOf(leg.Call.Dialog, x.Type)
	if x.Type == FreeSWITCH {
		v.User = Nobody
	}
	return v
}

// Nobody is dialled with a Replaces for FreeSWITCH. Where the call does not ring any more
// (RFC 3891 §3 wants a 481), it takes the INVITE for a new call to whom is dialled; no
// dialplan has this one, and the answer is 404.
const Nobody = "blfbridge-pickup"

// shown is who calls, as a view shows it.
func shown(p device.Party, v policy.View) device.Party {
	switch v {
	case policy.ViewNumber:
		return p
	case policy.ViewName:
		if !strings.ContainsAny(p.Name, "0123456789") {
			return device.Party{Name: p.Name}
		}
	}
	return device.Party{}
}

// dialled is the number by which the leg's PBX knows the line: that of the device.
func dialled(leg *compositor.Ringing) string {
	n := leg.Device
	if i := strings.IndexByte(n, '/'); i >= 0 {
		n = n[i+1:]
	}
	n, _, _ = strings.Cut(n, "@")
	if n == "" {
		return leg.Line.Number
	}
	return n
}

func (p *Picker) decide(w policy.Watcher, l policy.Line) policy.Decision {
	d := policy.Decide(p.Policy(), w, policy.Target{
		Tenant: l.Tenant, Number: l.Number, Learned: p.Lines.Learned(l.Tenant, l.Number),
	}, policy.Counts{})
	if d.Allow() && l.Partition != "" && d.Line != l {
		d.Outcome = policy.NotFound // another line of that number
	}
	return d
}

func (p *Picker) decideBare(w policy.Watcher, tenant string) policy.Decision {
	return policy.Decide(p.Policy(), w, policy.Target{Tenant: tenant, Bare: true}, policy.Counts{})
}

// refusal is the answer to a watcher that may not pick up what was decided about.
func refusal(d policy.Decision, number string) (v Verdict, refused bool) {
	switch {
	case d.Outcome == policy.NotFound:
		return refuse(404, "No Such Line", "%s: %s", number, d.Rule), true
	case d.Outcome == policy.Challenged:
		return refuse(403, "Pickup Not Allowed", "not a known phone: register through this server first"), true
	case d.Outcome == policy.Unavailable:
		return refuse(480, "Cannot Be Decided Now", "%s", d.Rule), true
	case !d.Allow():
		return forbidden(d.Rule), true
	case !d.Pickup:
		return forbidden(d.PickupRule), true
	}
	return v, false
}

// of are the legs that ring at a line, see legs.
func (p *Picker) of(l policy.Line) []compositor.Ringing {
	return p.legs(func(x *compositor.Ringing) bool { return x.Line == l })
}

// legs are the ringing legs that fit, those that can be taken first, then the oldest.
func (p *Picker) legs(fits func(*compositor.Ringing) bool) []compositor.Ringing {
	legs := slices.DeleteFunc(p.Lines.Ringing(), func(x compositor.Ringing) bool { return !fits(&x) })
	slices.SortFunc(legs, func(a, b compositor.Ringing) int {
		if known := b2i(b.Call.Dialog != device.SIPDialog{}) - b2i(a.Call.Dialog != device.SIPDialog{}); known != 0 {
			return known
		}
		if c := a.Call.Since.Compare(b.Call.Since); c != 0 {
			return c
		}
		return strings.Compare(a.Call.ID, b.Call.ID)
	})
	return legs
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
