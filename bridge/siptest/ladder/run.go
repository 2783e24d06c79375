package ladder

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"blfbridge/bridge/siptest"
)

// ErrMismatch is wrapped by errors about a message that is not the expected one.
var ErrMismatch = errors.New("ladder: not as expected")

// ErrNothing is what Driver.Next returns when no message has come.
var ErrNothing = errors.New("ladder: nothing came")

// Driver carries a ladder out. The runner calls it from one goroutine.
type Driver interface {
	// Request makes a phone send; it does not wait for the response.
	Request(ctx context.Context, phone string, r Request) error
	// Reply makes a phone answer the request that Next returned last for it. It is not
	// called for a status of 0.
	Reply(ctx context.Context, phone string, r Reply) error
	// Next returns the next message that came for a phone and was not returned before,
	// retransmissions left out. It waits as long as a message may still be on its way
	// (in virtual time: until everything blocks) and then returns ErrNothing.
	Next(ctx context.Context, phone string) (*siptest.Message, error)
	// PBX reports a state.
	PBX(ctx context.Context, p PBX) error
	// Advance lets time pass. A driver on real sockets may refuse.
	Advance(ctx context.Context, d time.Duration) error
	// Do carries out a "bridge" or "policy" line; words[0] is which.
	Do(ctx context.Context, words []string) error
}

// Run carries a ladder out and stops at the first line that fails. The error names the
// file, the line, what was wanted and what came.
func Run(ctx context.Context, l Ladder, d Driver) error {
	for i := range l.Steps {
		s := &l.Steps[i]
		if err := s.run(ctx, d); err != nil {
			return fmt.Errorf("%s:%d: %s: %w", l.Name, s.Line, s.Text, err)
		}
	}
	return nil
}

func (s *Step) run(ctx context.Context, d Driver) error {
	switch {
	case s.Request != nil:
		return d.Request(ctx, s.Phone, *s.Request)
	case s.Reply != nil:
		if s.Reply.Status == 0 {
			return nil
		}
		return d.Reply(ctx, s.Phone, *s.Reply)
	case s.PBX != nil:
		return d.PBX(ctx, *s.PBX)
	case s.Advance > 0:
		return d.Advance(ctx, s.Advance)
	case s.Do != nil:
		return d.Do(ctx, s.Do)
	}
	m, err := d.Next(ctx, s.Phone)
	switch {
	case s.Expect.Nothing && errors.Is(err, ErrNothing):
		return nil
	case err != nil:
		return err
	}
	if err := s.Expect.Match(m); err != nil {
		return err
	}
	if s.Expect.Answer {
		return d.Reply(ctx, s.Phone, Reply{Status: 200})
	}
	return nil
}

// Match compares a message with what is expected; the error lists every difference and
// shows the message.
func (e *Expect) Match(m *siptest.Message) error {
	var diffs []string
	differ := func(what, want, got string) {
		if want != got {
			diffs = append(diffs, fmt.Sprintf("%s: want %s, got %s", what, quoted(want), quoted(got)))
		}
	}
	switch {
	case e.Nothing:
		diffs = append(diffs, "want nothing, got "+m.Summary())
	case e.Method != m.Method || e.Status != m.Code:
		diffs = append(diffs, fmt.Sprintf("want %s, got %s", e.start(), m.Summary()))
	default:
		e.compare(m, differ)
	}
	if len(diffs) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s\n%s", ErrMismatch, strings.Join(diffs, "; "), m)
}

func (e *Expect) start() string {
	if e.Method != "" {
		return e.Method
	}
	return strconv.Itoa(e.Status)
}

func (e *Expect) compare(m *siptest.Message, differ func(what, want, got string)) {
	ss := m.Get("Subscription-State")
	state, _, _ := strings.Cut(ss, ";")
	for _, c := range [...]struct{ what, want, got string }{
		{"subscription state", e.State, strings.TrimSpace(state)},
		{"reason", e.Reason, siptest.Param(ss, "reason")},
		{"retry-after", e.RetryAfter, siptest.Param(ss, "retry-after")},
		{"expires", e.Expires, siptest.Param(ss, "expires")},
	} {
		if c.want != "" {
			differ(c.what, c.want, c.got)
		}
	}
	for _, f := range e.Fields {
		got := m.Get(f.Name)
		if f.Value == "*" && got != "" {
			continue
		}
		differ(f.Name, f.Value, got)
	}
	if e.Lamp != nil && e.Lamp.None {
		differ("body", "", string(m.Body))
		return
	}
	if e.Lamp == nil && !e.HasVersion {
		return
	}
	l, err := siptest.ReadLamp(m.Get("Content-Type"), m.Body)
	if err != nil {
		differ("body", "a lamp", err.Error())
		return
	}
	if e.HasVersion {
		differ("version", fmt.Sprint(e.Version), fmt.Sprint(l.Version))
	}
	if e.Lamp != nil {
		differ("body", e.Lamp.String(), Lamp{State: l.State, Held: l.Held}.String())
	}
}

// String is the word of a ladder.
func (l Lamp) String() string {
	switch {
	case l.None:
		return "none"
	case l.Held:
		return "held"
	}
	return l.State.String()
}

func quoted(s string) string {
	if s == "" {
		return "none"
	}
	return strconv.Quote(s)
}
