package siptest

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// supersedeAfter is Timer F (RFC 3261 §17.1.2.2): only after it may the server give up
// a NOTIFY that has no answer and send another one.
const supersedeAfter = 64 * timerT1

// udpMax is the largest request that UDP is sure to carry (RFC 3261 §18.1.1).
const udpMax = 1300

// judge is what a subscription remembers of earlier NOTIFYs.
type judge struct {
	cseq        uint32 // of the last new NOTIFY; 0 = none yet
	raw         []byte // of that NOTIFY, for retransmissions
	version     uint32
	hasVersion  bool
	gapOnce     bool
	outstanding uint32 // CSeq of a NOTIFY not answered, 0 = none
	since       time.Time
}

// verdict is what becomes of a NOTIFY.
type verdict struct {
	code   int  // the status to answer with
	repeat bool // a retransmission: answer again, show nothing
	seen   Seen
	ok     bool // take it: light the lamp
}

// judgeNotify checks one NOTIFY. Whatever a careful phone would refuse is refused;
// lesser breaches are recorded and the lamp is lit. s.mu is held.
func (s *Subscription) judgeNotify(m *Message, now time.Time) verdict {
	cseq, method := m.CSeq()
	j := &s.judge
	if cseq == j.cseq && j.cseq != 0 {
		if bytes.Equal(m.Raw, j.raw) {
			return verdict{code: 200, repeat: true}
		}
		s.breach(ruleCSeq, fmt.Sprintf("CSeq %d comes twice in different messages", cseq), m)
		return verdict{code: 500}
	}
	if method != "NOTIFY" {
		s.breach(ruleHeaders, fmt.Sprintf("CSeq is %q", m.Get("CSeq")), m)
		return verdict{code: 400}
	}
	if cseq < j.cseq {
		s.breach(ruleCSeq, fmt.Sprintf("CSeq %d after %d", cseq, j.cseq), m)
		return verdict{code: 500} // RFC 3261 §12.2.2
	}
	gapAllowed := s.cfg.GapsAllowed || j.gapOnce
	if j.cseq != 0 && cseq != j.cseq+1 && !gapAllowed {
		s.breach(ruleDialog, fmt.Sprintf("CSeq %d after %d", cseq, j.cseq), m)
	}
	if o := j.outstanding; o != 0 && now.Sub(j.since) < supersedeAfter {
		s.breach(ruleHouse, fmt.Sprintf("a new NOTIFY (CSeq %d) while CSeq %d is not answered", cseq, o), m)
	}
	first := j.cseq == 0
	j.cseq, j.raw = cseq, m.Raw
	if s.terminated {
		s.breach("RFC 6665 §4.1.3", "a NOTIFY after the terminated one", m)
		return verdict{code: 481}
	}
	if !s.accepted {
		s.breach(ruleHouse, "a NOTIFY before the 200 to SUBSCRIBE", m)
	}
	if code := s.judgeHeaders(m); code != 0 {
		return verdict{code: code}
	}
	v := verdict{seen: Seen{At: now, CSeq: cseq, ContentType: m.Get("Content-Type"), Body: m.Body, Message: m}}
	if !s.judgeSubstate(m, &v.seen, now) {
		v.code = 400
		return v
	}
	v.code = s.judgeBody(m, &v.seen, gapAllowed, first)
	j.gapOnce = j.gapOnce && v.code != 200
	v.ok = v.code == 200
	return v
}

// judgeHeaders checks form and dialog; a status means refusal.
func (s *Subscription) judgeHeaders(m *Message) int {
	for _, name := range [...]string{"From", "To", "Call-ID", "CSeq", "Max-Forwards", "Event", "Subscription-State", "Contact", "Content-Length"} {
		switch n := len(m.All(name)); {
		case n > 1:
			s.breach(ruleHeaders, fmt.Sprintf("%d %s headers", n, name), m)
		case n == 0 && name == "Content-Length" && s.phone.cfg.stream() && !strings.HasPrefix(s.phone.cfg.Transport, "WS"):
			s.breach("RFC 3261 §18.3", "no Content-Length", m)
		case n == 0 && name != "Content-Length":
			s.breach(ruleHeaders, "no "+name, m)
			if name != "Max-Forwards" {
				return 400
			}
		}
	}
	if mf := m.Get("Max-Forwards"); mf != "" {
		if n, err := strconv.ParseUint(mf, 10, 8); err != nil || n == 0 {
			s.breach(ruleHeaders, "Max-Forwards is "+strconv.Quote(mf), m)
		}
	}
	if b := m.Branch(); !strings.HasPrefix(b, "z9hG4bK") || b == "z9hG4bK" {
		s.breach("RFC 3261 §8.1.1.7", "Via branch is "+strconv.Quote(b), m)
	}
	if v, want := m.Get("Via"), "SIP/2.0/"+s.phone.cfg.Transport+" "; !strings.HasPrefix(v, want) {
		s.breach("RFC 3261 §18.1.1", fmt.Sprintf("Via is %q on %s", v, want), m)
	}
	if l := m.Get("Content-Length"); l != "" && l != strconv.Itoa(len(m.Body)) {
		s.breach("RFC 3261 §20.14", fmt.Sprintf("Content-Length %s, but the body has %d bytes", l, len(m.Body)), m)
		return 400
	}
	if len(m.Raw) > udpMax && !s.phone.cfg.stream() {
		s.breach("RFC 3261 §18.1.1", fmt.Sprintf("%d bytes over UDP", len(m.Raw)), m)
	}
	if tag := m.Tag("To"); tag != s.localTag {
		s.breach(ruleDialog, fmt.Sprintf("To tag %q, ours is %q", tag, s.localTag), m)
		return 481
	}
	if tag := m.Tag("From"); s.remoteTag != "" && tag != s.remoteTag || tag == "" {
		s.breach(ruleDialog, fmt.Sprintf("From tag %q, the 2xx had %q", tag, s.remoteTag), m)
		return 481
	}
	if got, want := AddrURI(m.Get("From")), s.to; !sameURI(got, want) {
		s.breach(ruleDialog, fmt.Sprintf("From is %s, the SUBSCRIBE's To was %s", got, want), m)
	}
	if got, want := AddrURI(m.Get("To")), AddrURI(s.id.local); !sameURI(got, want) {
		s.breach(ruleDialog, fmt.Sprintf("To is %s, the SUBSCRIBE's From was %s", got, want), m)
	}
	if !sameURI(m.URI, s.contact) {
		s.breach(ruleDialog, fmt.Sprintf("Request-URI is %s, our Contact %s", m.URI, s.contact), m)
	}
	if AddrURI(m.Get("Contact")) == "" {
		s.breach("RFC 6665 §8.2.1", fmt.Sprintf("Contact is %q", m.Get("Contact")), m)
	}
	return s.judgeEvent(m)
}

// judgeEvent compares Event with ours, id parameter included (RFC 6665 §8.2.1).
func (s *Subscription) judgeEvent(m *Message) int {
	got, want := m.Get("Event"), s.cfg.Event
	gotName, _, _ := strings.Cut(got, ";")
	wantName, _, _ := strings.Cut(want, ";")
	if strings.TrimSpace(gotName) != strings.TrimSpace(wantName) || Param(got, "id") != Param(want, "id") {
		s.breach("RFC 6665 §8.2.1", fmt.Sprintf("Event is %q, ours %q", got, want), m)
		return 489
	}
	return 0
}

var reasonValues = []string{"", "deactivated", "probation", "rejected", "timeout", "giveup", "noresource", "invariant"}

// judgeSubstate reads Subscription-State (RFC 6665 §4.1.3, §8.2.3).
func (s *Subscription) judgeSubstate(m *Message, seen *Seen, now time.Time) bool {
	v := m.Get("Subscription-State")
	name, _, _ := strings.Cut(v, ";")
	seen.Substate, seen.Reason, seen.RetryAfter = strings.TrimSpace(name), Param(v, "reason"), Param(v, "retry-after")
	seen.Expires = -1
	if e := Param(v, "expires"); e != "" {
		n, err := strconv.Atoi(e)
		if err != nil || n < 0 {
			s.breach("RFC 6665 §8.2.3", "Subscription-State: "+v, m)
			return false
		}
		seen.Expires = n
	}
	switch seen.Substate {
	case "active", "pending":
		left := s.granted - int(now.Sub(s.grantedAt).Seconds())
		if seen.Expires < 0 {
			s.breach("RFC 6665 §4.2.2", "no expires in Subscription-State", m)
		} else if s.accepted && seen.Expires > left+1 {
			s.breach("RFC 6665 §4.2.2", fmt.Sprintf("expires=%d, but %d s are left", seen.Expires, left), m)
		}
	case "terminated":
		if !slices.Contains(reasonValues, seen.Reason) {
			s.breach("RFC 6665 §8.2.3", "reason is "+strconv.Quote(seen.Reason), m)
		}
	default:
		s.breach("RFC 6665 §8.2.3", "Subscription-State: "+v, m)
		return false
	}
	return true
}

// judgeBody checks type, version and entity, and reads the lamp.
func (s *Subscription) judgeBody(m *Message, seen *Seen, gapAllowed, first bool) int {
	if len(m.Body) == 0 {
		if seen.Substate == "active" {
			s.breach("RFC 6665 §4.2.2", "an active NOTIFY without a body", m)
		}
		if n := len(s.history); n > 0 { // the lamp stays as it was
			seen.Lamp = s.history[n-1].Lamp
		}
		return 200
	}
	kind, _, _ := strings.Cut(seen.ContentType, ";")
	if s.cfg.Accept != "none" && !slices.ContainsFunc(strings.Split(s.cfg.Accept, ","), func(a string) bool {
		// cpim-pidf+xml in Accept asks for pidf+xml (Cisco enterprise phones).
		a = strings.TrimSpace(strings.ReplaceAll(a, "cpim-pidf", "pidf"))
		return strings.EqualFold(a, strings.TrimSpace(kind))
	}) {
		s.breach("RFC 6665 §4.2.2", fmt.Sprintf("Content-Type %q, we accept %q", seen.ContentType, s.cfg.Accept), m)
		return 415
	}
	if s.cfg.Schemas != nil {
		s.cfg.Schemas.Add(kind, m.Body, "watch of "+s.cfg.Target)
	}
	lamp, err := ReadLamp(seen.ContentType, m.Body)
	if err != nil {
		s.breach("RFC 4235 §4 / RFC 3863 §4", err.Error(), m)
		return 400
	}
	seen.Lamp = lamp
	if want := s.entity; want != "any" && !sameURI(lamp.Entity, want) && !sameURI(strings.Replace(lamp.Entity, "pres:", "sip:", 1), want) {
		s.breach("RFC 4235 §4.1 / RFC 3863 §4.1.1", fmt.Sprintf("entity is %q, subscribed to %q", lamp.Entity, want), m)
	}
	if !lamp.HasVersion {
		return 200
	}
	if !lamp.Full {
		s.breach(ruleHouse, `state is not "full"`, m)
	}
	j := &s.judge
	switch {
	case j.hasVersion && lamp.Version <= j.version:
		s.breach(ruleVersion, fmt.Sprintf("version %d after %d", lamp.Version, j.version), m)
		return 400
	case j.hasVersion && lamp.Version != j.version+1 && !gapAllowed:
		s.breach(ruleVersion, fmt.Sprintf("version %d after %d: one is missing", lamp.Version, j.version), m)
	case first && lamp.Version != 0 && !gapAllowed:
		s.breach(ruleVersion, fmt.Sprintf("the first version is %d, not 0", lamp.Version), m)
	}
	j.version, j.hasVersion = lamp.Version, true
	return 200
}
