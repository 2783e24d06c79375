package ari

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
	"blfbridge/bridge/siptest/lab"
)

// The tests in this file run against a real Asterisk with the phones of scripts/pbx.
// scripts/test starts one and sets BLFBRIDGE_ASTERISK to its ARI URL, with user and
// password in it if they are not those of scripts/pbx; and BLFBRIDGE_ASTERISK_SIP to
// where it takes SIP over UDP, if that is not 127.0.0.1:15760.
func asterisk(t *testing.T) Config {
	t.Helper()
	env := os.Getenv("BLFBRIDGE_ASTERISK")
	if env == "" {
		t.Skip("BLFBRIDGE_ASTERISK is not set: no real Asterisk here (scripts/test sets it)")
	}
	u, err := url.Parse(env)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Name: "real", Username: lab.ARIUser, Password: lab.ARIPassword, App: "blfbridge-test-" + strings.ToLower(t.Name())}
	if u.User != nil {
		cfg.Username = u.User.Username()
		cfg.Password, _ = u.User.Password()
		u.User = nil
	}
	cfg.URL = u.String()
	return cfg
}

// realAsterisk is a source on the real Asterisk, in an application of the test's own, and
// a client for other calls.
func realAsterisk(t *testing.T, change func(*Config)) (*sink, *client) {
	t.Helper()
	cfg := asterisk(t)
	if change != nil {
		change(&cfg)
	}
	s := start(t, cfg)
	eventually(t, "a snapshot of the real Asterisk", s.isLive)

	m, err := newMetrics(nil, "rest")
	must(t, err)
	base, err := baseURL(cfg.URL)
	must(t, err)
	cfg = cfg.withDefaults()
	rest := newClient(&cfg, base, nil, m)
	t.Cleanup(rest.http.CloseIdleConnections)
	return s, rest
}

// phone registers one of the lab's phones. The tests use 1005 and 1006 only, so that
// others may run beside them.
func phone(t *testing.T, user string) *siptest.Phone {
	t.Helper()
	sip := os.Getenv("BLFBRIDGE_ASTERISK_SIP")
	if sip == "" {
		sip = "127.0.0.1:15760"
	}
	p, err := siptest.NewPhone(siptest.Config{User: user, Password: "pw" + user, Proxy: sip})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 3*time.Second)
		defer cancel()
		if err := p.Unregister(ctx); err != nil {
			t.Errorf("%s: %v", user, err)
		}
		p.Close()
	})
	must(t, p.Register(t.Context(), 2*time.Minute))
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAsteriskCall(t *testing.T) {
	asterisk(t)
	ctx := t.Context()
	p5, p6 := phone(t, "1005"), phone(t, "1006")
	s, _ := realAsterisk(t, func(c *Config) { c.Devices = []string{"park:701@parkedcalls"} })
	if s.state("PJSIP/1006") != device.Idle || s.state("PJSIP/1005") != device.Idle {
		t.Errorf("the registered phones are %v and %v in the snapshot", s.state("PJSIP/1006"), s.state("PJSIP/1005"))
	}
	if st, ok := s.get("park:701@parkedcalls"); !ok || st.Kind != device.Special || st.State != device.Idle {
		t.Errorf("the park slot is %+v, %v", st, ok)
	}
	for _, name := range []string{"PJSIP/1005", "PJSIP/1006"} {
		s.takePath(name)
	}

	out, err := p6.Dial(ctx, "1005")
	must(t, err)
	in, err := p5.Incoming(ctx)
	must(t, err)
	eventually(t, "1005 rings, called by 1006", func() bool {
		c := s.call("PJSIP/1005")
		return s.state("PJSIP/1005") == device.Ringing && c.Direction == device.Recipient && c.Phase == device.Early &&
			c.Remote == device.Party{Number: "1006", Name: "Fay Six"}
	})
	wire := in.Replaces() // to-tag is Asterisk's, from-tag the phone's
	eventually(t, "1005's SIP dialog is the one on the wire", func() bool {
		return s.call("PJSIP/1005").Dialog == device.SIPDialog{CallID: wire.CallID, LocalTag: wire.ToTag, RemoteTag: wire.FromTag}
	})
	eventually(t, "1006 dialled", func() bool {
		c := s.call("PJSIP/1006")
		return s.state("PJSIP/1006") == device.Busy && c.Direction == device.Initiator && c.Phase == device.Early && c.Remote.Number == "1005"
	})
	must(t, in.Answer())
	eventually(t, "both talk", func() bool {
		return s.call("PJSIP/1005").Phase == device.Confirmed && s.call("PJSIP/1006").Phase == device.Confirmed
	})
	must(t, out.WaitAnswered(ctx))
	must(t, in.Hold(ctx))
	eventually(t, "1005 holds, 1006 is held", func() bool {
		return s.call("PJSIP/1005").Phase == device.Held && s.call("PJSIP/1006").Phase == device.Confirmed
	})
	must(t, in.Unhold(ctx))
	eventually(t, "1005 took it back", func() bool { return s.call("PJSIP/1005").Phase == device.Confirmed })
	must(t, out.Bye(ctx))
	eventually(t, "both idle again", func() bool {
		return s.state("PJSIP/1006") == device.Idle && s.state("PJSIP/1005") == device.Idle
	})
	must(t, p5.Unregister(ctx))
	eventually(t, "1005 left", func() bool { return s.state("PJSIP/1005") == device.Unknown })
	if p := fmt.Sprint(s.takePath("PJSIP/1005")); p != "[ringing busy idle unknown]" {
		t.Errorf("1005 showed %v", p)
	}
	if p := fmt.Sprint(s.takePath("PJSIP/1006")); p != "[busy idle]" {
		t.Errorf("1006 showed %v", p)
	}
	if err := s.lastDown(); err != nil {
		t.Errorf("the connection was lost: %v", err)
	}
}

// A source that comes in the middle of a call sees it; and comparing with REST over and
// over during calls finds nothing to repair, on the real Asterisk too.
func TestAsteriskSnapshotInACall(t *testing.T) {
	asterisk(t)
	ctx := t.Context()
	p6 := phone(t, "1006")
	dial := func() *siptest.Call {
		call, err := p6.Dial(ctx, "600") // answers and waits
		must(t, err)
		must(t, call.WaitAnswered(ctx))
		return call
	}
	call := dial()
	s, _ := realAsterisk(t, func(c *Config) { c.Reconcile = 200 * time.Millisecond })
	if c := s.call("PJSIP/1006"); c.Phase != device.Confirmed || c.Remote.Number != "600" || s.state("PJSIP/1006") != device.Busy {
		t.Errorf("1006 is %v with %+v", s.state("PJSIP/1006"), c)
	}
	for range 5 {
		must(t, call.Bye(ctx))
		eventually(t, "1006 idle", func() bool { return s.state("PJSIP/1006") == device.Idle })
		time.Sleep(300 * time.Millisecond) // a comparison or two
		call = dial()
		eventually(t, "1006 busy", func() bool { return s.state("PJSIP/1006") == device.Busy })
		time.Sleep(300 * time.Millisecond)
	}
	must(t, call.Bye(ctx))
	eventually(t, "1006 idle", func() bool { return s.state("PJSIP/1006") == device.Idle })
	if _, n, _ := s.counts(); n != 0 {
		t.Errorf("%d repairs though no event was lost", n)
	}
}

func TestAsteriskDND(t *testing.T) {
	s, rest := realAsterisk(t, nil)
	const flag = "Custom:DND1003" // no other test's
	set := func(value string) {
		q := url.Values{"variable": {"DEVICE_STATE(" + flag + ")"}, "value": {value}}
		if err := rest.call(t.Context(), http.MethodPost, "/asterisk/variable?"+q.Encode(), nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	dnd := func(want bool) func() bool {
		return func() bool {
			st, ok := s.get(flag)
			return ok && st.Kind == device.DNDFlag && st.Number == "1003" && st.DND == want
		}
	}
	set("BUSY")
	eventually(t, "DND on", dnd(true))
	again, _ := realAsterisk(t, func(c *Config) { c.Name, c.App = "again", c.App+"-again" })
	if st, ok := again.get(flag); !ok || !st.DND {
		t.Errorf("a new source's snapshot has %+v, %v", st, ok)
	}
	set("NOT_INUSE")
	eventually(t, "DND off", dnd(false))
}

// Another client takes the application: it is told apart, and the other's subscriptions
// still stand.
func TestAsteriskApplicationReplaced(t *testing.T) {
	s, rest := realAsterisk(t, nil)
	other := start(t, asterisk(t))
	eventually(t, "the other is up", other.isLive)
	eventually(t, "the first knows why it is down", func() bool {
		err := s.lastDown()
		return err != nil && strings.Contains(err.Error(), "taken by another client")
	})
	path := "/deviceStates/" + url.PathEscape("Stasis:blfbridge-test")
	if err := rest.call(t.Context(), http.MethodPut, path+"?deviceState=INUSE", nil, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other gets events", func() bool { return other.state("Stasis:blfbridge-test") == device.Busy })
	if err := rest.call(t.Context(), http.MethodDelete, path, nil, nil); err != nil {
		t.Error(err)
	}
}

func TestAsteriskRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Config)
		want   error
		says   string
	}{
		"wrong password": {func(c *Config) { c.Password = "no" }, ErrAuth, "password"},
		"read only user": {func(c *Config) { c.Username = readOnlyUser(c.Username) }, ErrReadOnly, "read_only"},
		"wrong path":     {func(c *Config) { c.URL += "x" }, ErrNoARI, "url"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := asterisk(t)
			cfg.App = "blfbridge-test-refused"
			tc.change(&cfg)
			s := start(t, cfg)
			eventually(t, "a reason", func() bool { return s.lastDown() != nil })
			if err := s.lastDown(); !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("down by %v, want %v that says %q", err, tc.want, tc.says)
			}
		})
	}
}

// readOnlyUser is the one that may look and not touch, beside the given.
func readOnlyUser(user string) string {
	if user == "blf" {
		return "blfro"
	}
	return user + "-ro"
}
