package bridge_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"blfbridge/bridge/siptest"
)

// front is a real PBX behind the edge: its entry in a configuration, and whose phones
// are there.
type front struct {
	yaml   string
	domain string
	// aliases are the domains of the tenant whose lines they are; empty = any.
	aliases string
	users   [5]frontUser
	// settle is how long a call that was picked up is left alone: FreeSWITCH loses the caller's
	// BYE when the phone hangs up before it has joined the two.
	settle time.Duration
}

type frontUser struct{ number, password string }

// front is this Asterisk, seen by the phones through the edge.
func (a *pbx) front(app string, more ...string) front {
	f := front{yaml: a.yaml(app, more...), domain: "127.0.0.1"}
	for i, n := range []string{"1001", "1002", "1003", "1004", "1006"} {
		f.users[i] = frontUser{n, "pw" + n}
	}
	return f
}

// number is that of the i-th user; those of phones that only call are the first three.
func (f *front) number(i int) string { return f.users[i].number }

func (f *front) password(number string) string {
	for _, u := range f.users {
		if u.number == number {
			return u.password
		}
	}
	return ""
}

// phone registers a phone whose only server is the bridge.
func (f *front) phone(t *testing.T, bridge, number string, change func(*siptest.Config)) *siptest.Phone {
	t.Helper()
	c := siptest.Config{User: number, Password: f.password(number), Proxy: bridge, Domain: f.domain}
	if change != nil {
		change(&c)
	}
	return registered(t, c)
}

// registered is a phone that has registered.
func registered(t *testing.T, c siptest.Config) *siptest.Phone {
	t.Helper()
	if c.Trace == nil && testing.Verbose() {
		c.Trace = func(_ time.Time, sent bool, m *siptest.Message) { t.Logf("%s sent=%v\n%s", c.User, sent, m) }
	}
	p, err := siptest.NewPhone(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	if err := p.Register(t.Context(), 10*time.Minute); err != nil {
		t.Fatal(err)
	}
	return p
}

// heard keeps what a phone received.
type heard struct {
	mu  sync.Mutex
	all []*siptest.Message
}

func (h *heard) trace(t *testing.T, number string) func(time.Time, bool, *siptest.Message) {
	return func(_ time.Time, sent bool, m *siptest.Message) {
		if testing.Verbose() {
			t.Logf("%s sent=%v\n%s", number, sent, m)
		}
		if !sent {
			h.mu.Lock()
			h.all = append(h.all, m)
			h.mu.Unlock()
		}
	}
}

// has reports whether something was received that contains all the words.
func (h *heard) has(words ...string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.all {
		n := 0
		for _, w := range words {
			if strings.Contains(m.String(), w) {
				n++
			}
		}
		if n == len(words) {
			return true
		}
	}
	return false
}

// forget lets go what was received.
func (h *heard) forget() { h.mu.Lock(); h.all = nil; h.mu.Unlock() }
