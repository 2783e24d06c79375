package siptest

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"blfbridge/bridge/device"
)

// SubscribeConfig describes a subscription. Target is needed.
type SubscribeConfig struct {
	// Target is a number of the phone's domain ("1001", "*891001") or a sip: URI.
	Target string
	// TargetInToOnly sends the request to "sip:host:port" and names the target in To
	// alone, as Yealink does.
	TargetInToOnly bool
	// Event is the Event header, default "dialog"; parameters may follow.
	Event string
	// Accept is the Accept header; default the package's own type; "none" leaves the
	// header out.
	Accept string
	// Expires is what is asked for in seconds, default 600; negative leaves the header
	// out. Fetch asks for 0: one NOTIFY and the end.
	Expires int
	Fetch   bool
	// Extra headers are added to every SUBSCRIBE.
	Extra []Header
	// Entity is what the body's entity must be, default the target's URI; "any" takes all.
	Entity string
	// GapsAllowed lets version and CSeq skip numbers (never repeat or go back).
	GapsAllowed bool
	// Foreign leaves out the bridge's own promises ("house" rules) for other servers.
	Foreign bool
	// Lean keeps of each NOTIFY what it meant, not its text: a watch of hours.
	Lean bool
	// Schemas, if set, is handed every body for validation.
	Schemas *Schemas
}

// Seen is one NOTIFY that a watcher took: a lamp and when it lit.
type Seen struct {
	At   time.Time
	Lamp Lamp
	CSeq uint32
	// Substate is "active", "pending" or "terminated", with the parameters beside it.
	Substate, Reason, RetryAfter string
	// Expires is -1 where the header named none.
	Expires     int
	ContentType string
	Body        []byte
	Message     *Message
}

// State is the lamp's state.
func (s Seen) State() device.State { return s.Lamp.State }

// Subscription is one strict watch of one presentity.
type Subscription struct {
	phone *Phone
	cfg   SubscribeConfig

	taking sync.Mutex // held from the arrival of a NOTIFY until it is answered

	mu         sync.Mutex // guards all below
	id         dialogID
	uri        string // Request-URI of the next SUBSCRIBE
	to         string // the URI in To as first sent
	entity     string
	localTag   string
	contact    string // ours, as last sent
	remoteTag  string
	accepted   bool // a 2xx has come
	granted    int
	grantedAt  time.Time
	judge      judge
	faults     Faults
	history    []Seen
	violations []Violation
	terminated bool
	changed    chan struct{} // closed and replaced at every change
}

// Subscribe sends a SUBSCRIBE and waits for its final response; NOTIFYs are taken from
// then on. Refused, it returns a StatusError and no subscription. The subscription is
// not refreshed by itself.
func (p *Phone) Subscribe(ctx context.Context, cfg SubscribeConfig) (*Subscription, error) {
	cfg.Event = cmp.Or(cfg.Event, "dialog")
	if cfg.Accept == "" {
		cfg.Accept = "application/dialog-info+xml"
		if name, _, _ := strings.Cut(cfg.Event, ";"); name == "presence" {
			cfg.Accept = "application/pidf+xml"
		}
	}
	cfg.Expires = cmp.Or(cfg.Expires, 600)
	if cfg.Fetch {
		cfg.Expires = 0
	}
	target := p.numberURI(cfg.Target)
	s := &Subscription{phone: p, cfg: cfg, localTag: token(6), uri: target, to: target, entity: cmp.Or(cfg.Entity, target), changed: make(chan struct{})}
	if cfg.TargetInToOnly {
		s.uri = "sip:" + p.cfg.Proxy
	}
	s.id = dialogID{callID: token(12), local: p.from(s.localTag), remote: "<" + target + ">"}
	p.mu.Lock()
	p.subs[s.id.callID] = s
	p.mu.Unlock()
	if _, err := s.subscribe(ctx, cfg.Expires); err != nil {
		s.forget()
		return nil, err
	}
	return s, nil
}

// Refresh sends a SUBSCRIBE inside the dialog (seconds; 0 unsubscribes).
func (s *Subscription) Refresh(ctx context.Context, expires int) error {
	_, err := s.subscribe(ctx, expires)
	return err
}

// Unsubscribe ends the subscription and waits for its last NOTIFY.
func (s *Subscription) Unsubscribe(ctx context.Context) error {
	if err := s.Refresh(ctx, 0); err != nil {
		return err
	}
	_, err := s.WaitTerminated(s.phone.cfg.Timeout)
	s.taking.Lock() // until it is answered: the phone may be closed next
	defer s.taking.Unlock()
	return err
}

// Forget makes the phone lose the subscription, as by a restart: NOTIFYs get 481.
func (s *Subscription) Forget() { s.forget() }

func (s *Subscription) forget() {
	s.phone.mu.Lock()
	delete(s.phone.subs, s.id.callID)
	s.phone.mu.Unlock()
}

func (s *Subscription) subscribe(ctx context.Context, expires int) (*Message, error) {
	return s.phone.authenticated(ctx, func() (*Message, error) {
		s.mu.Lock()
		s.id.cseq++
		id, uri := s.id, s.uri
		s.mu.Unlock()
		m, err := s.phone.newRequest("SUBSCRIBE", uri, id)
		if err != nil {
			return nil, err
		}
		s.mu.Lock()
		s.contact = m.ContactURI()
		s.mu.Unlock()
		m.Add("Event", s.cfg.Event)
		if s.cfg.Accept != "none" {
			m.Add("Accept", s.cfg.Accept)
		}
		if expires >= 0 {
			m.Add("Expires", fmt.Sprint(expires))
		}
		m.Headers = append(m.Headers, s.cfg.Extra...)
		return m, nil
	}, func(r *Message) { s.subscribed(r, expires) })
}

// subscribed judges a response, before any NOTIFY behind it is read.
func (s *Subscription) subscribed(r *Message, asked int) {
	if r.Code < 200 || r.Code > 299 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accepted = true
	s.judge.outstanding = 0 // an accepted SUBSCRIBE supersedes the NOTIFY under way
	tag := r.Tag("To")
	switch {
	case tag == "":
		s.breach("RFC 6665 §4.1.2.1", "the 2xx has no To tag", r)
	case s.remoteTag != "" && s.remoteTag != tag:
		s.breach(ruleDialog, fmt.Sprintf("To tag is %s in the 2xx but was %s", tag, s.remoteTag), r)
	}
	s.remoteTag = tag
	s.id.remote = r.Get("To")
	granted := -1
	if _, err := fmt.Sscan(r.Get("Expires"), &granted); err != nil || granted < 0 {
		s.breach("RFC 6665 §4.2.1.1", fmt.Sprintf("the 2xx has Expires %q", r.Get("Expires")), r)
	}
	if asked >= 0 && granted > asked {
		s.breach("RFC 6665 §4.2.1.1", fmt.Sprintf("granted %d s when %d s were asked for", granted, asked), r)
	}
	s.granted, s.grantedAt = granted, time.Now()
	if c := r.All("Contact"); len(c) != 1 || AddrURI(c[0]) == "" {
		s.breach("RFC 6665 §8.2.1", fmt.Sprintf("the 2xx has Contact %q", c), r)
	} else {
		s.uri = AddrURI(c[0])
	}
}

// breach records a violation; s.mu is held.
func (s *Subscription) breach(rule, detail string, m *Message) {
	if rule == ruleHouse && s.cfg.Foreign {
		return
	}
	s.violations = append(s.violations, Violation{At: time.Now(), Rule: rule, Detail: "watch of " + s.cfg.Target + ": " + detail, Text: m.String()})
}
