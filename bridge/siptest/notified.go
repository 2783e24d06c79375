package siptest

import (
	"fmt"
	"strings"
	"time"
)

// notified takes a NOTIFY, on the reader's goroutine.
func (p *Phone) notified(m *Message, c *Call) {
	now := time.Now()
	p.mu.Lock()
	s := p.subs[m.Get("Call-ID")]
	p.mu.Unlock()
	switch {
	case s != nil:
		s.take(m, now)
	case c != nil:
		c.sipfrag(m)
	case Param("x;"+m.Get("Event"), "refer") != "" || m.Get("Event") == "refer":
		p.respond(m, p.reply(m, 200, "")) // the end of a transfer whose call is over
	default:
		p.stray(Violation{Rule: "RFC 6665 §4.1.3", Detail: "a NOTIFY for no subscription of ours", Text: m.String()})
		p.respond(m, p.reply(m, 481, token(6)))
	}
}

// take judges a NOTIFY, answers it as the faults say, and shows it.
func (s *Subscription) take(m *Message, now time.Time) {
	s.taking.Lock()
	defer s.taking.Unlock()
	s.mu.Lock()
	f := s.faults.take()
	if f.Drop > 0 {
		s.mu.Unlock()
		return
	}
	v := s.judgeNotify(m, now)
	if v.code == 200 && f.Status != 0 {
		v.code = f.Status
	}
	if v.ok {
		if s.cfg.Lean {
			v.seen.lean()
		}
		s.history = append(s.history, v.seen)
		s.terminated = v.seen.Substate == "terminated"
		close(s.changed)
		s.changed = make(chan struct{})
	}
	cseq, _ := m.CSeq()
	if (f.Silent || f.Delay > 0) && !v.repeat {
		s.judge.outstanding, s.judge.since = cseq, now
	}
	s.mu.Unlock()
	if f.Silent {
		return
	}
	r := s.phone.reply(m, v.code, "")
	if f.RetryAfter > 0 {
		r.Add("Retry-After", fmt.Sprint(f.RetryAfter))
	}
	answer := func() {
		s.mu.Lock()
		if s.judge.outstanding == cseq {
			s.judge.outstanding = 0
		}
		s.mu.Unlock()
		s.phone.respond(m, r)
	}
	if f.Delay > 0 {
		s.phone.after(f.Delay, answer)
		return
	}
	answer()
}

// lean lets go of the message, and of the text that the strings are parts of.
func (s *Seen) lean() {
	s.Message, s.Body = nil, nil
	for _, text := range []*string{&s.Substate, &s.Reason, &s.RetryAfter, &s.ContentType, &s.Lamp.Entity, &s.Lamp.Remote, &s.Lamp.RemoteName} {
		*text = strings.Clone(*text)
	}
}
