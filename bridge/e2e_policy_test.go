package bridge_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// groups is a policy under which guests may watch line 1001 as permission says.
func groups(permission string) string {
	return `
unknown_watchers: {as: Guests}
tenants:
  - name: default
    presence_groups: [{name: Guests}, {name: Bosses}]
    permissions:
      - {from: Guests, to: Standard, subscribe: allow}
      - {from: Guests, to: Bosses, ` + permission + `}
    lines:
      - {number: "1001", presence_group: Bosses}
`
}

// TestPolicyImport: a policy that is imported live narrows and ends standing
// subscriptions, and touches no other.
func TestPolicyImport(t *testing.T) {
	t.Parallel()
	onStores(t, func(t *testing.T, st *storage) {
		ast := takeAsterisk(t, st.kind)
		phones := ast.phones(t, "1001", "1002", "1003")
		s := newServer(t, setup{store: st, pbx: ast.yaml("policy")})
		s.start()
		put := func(document string, want int) {
			t.Helper()
			if code, body := s.ask("PUT", "/api/v1/policy", document); code != want {
				t.Fatalf("importing a policy: %d %s, want %d", code, body, want)
			}
		}
		put(groups("subscribe: allow"), 200)
		boss, other := dialogWatch(t, s.udp, "1001"), dialogWatch(t, s.udp, "1003")
		boss.shows(device.Idle)
		other.shows(device.Idle)
		c := ring(t, phones[1], phones[0])
		boss.shows(device.Ringing) // Asterisk may tell the state before the caller
		if seen, err := boss.WaitFor(0, lampTime, func(x siptest.Seen) bool { return strings.Contains(string(x.Body), "Bob Two") }); err != nil {
			t.Errorf("the caller is not shown: %v\n%s", err, seen.Body)
		}

		put(groups("subscribe: allow, view: ringing"), 200)
		seen, err := boss.WaitFor(len(boss.History())-1, lampTime, func(x siptest.Seen) bool { return !strings.Contains(string(x.Body), "Bob Two") })
		if err != nil {
			t.Fatal(err)
		}
		if seen.State() != device.Ringing || strings.Contains(string(seen.Body), "1002") {
			t.Errorf("the narrowed view shows %v:\n%s", seen.State(), seen.Body)
		}
		put("tenants: [{name: default, lines: [{numbre: 1}]}]", 422)
		put(groups("subscribe: disallow"), 200)
		end, err := boss.WaitTerminated(lampTime)
		if err != nil {
			t.Fatal(err)
		}
		if end.Reason != "rejected" || len(end.Body) > 0 {
			t.Errorf("ended with %q and %d bytes of body", end.Reason, len(end.Body))
		}
		if len(other.History()) != 1 {
			t.Error("a subscription that the change does not concern was notified")
		}
		if err := c.Cancel(t.Context()); err != nil {
			t.Fatal(err)
		}
		call(t, phones[1], phones[2])
		other.shows(device.Busy)
		if _, err := boss.phone.Subscribe(t.Context(), siptest.SubscribeConfig{Target: "1001"}); siptest.StatusOf(err) != 403 {
			t.Errorf("subscribing again: %v, want 403", err)
		}
		// It is in force after a restart too.
		s.stop()
		s.start()
		if _, err := boss.phone.Subscribe(t.Context(), siptest.SubscribeConfig{Target: "1001"}); siptest.StatusOf(err) != 403 {
			t.Errorf("subscribing after a restart: %v, want 403", err)
		}
	})
}

// TestHangup: SIGHUP with a broken file keeps the old policy and configuration and says
// what is wrong where; with a good one it takes it.
func TestHangup(t *testing.T) {
	t.Parallel()
	onStores(t, func(t *testing.T, st *storage) {
		ast := takeAsterisk(t, st.kind)
		phones := ast.phones(t, "1001", "1002")
		o := setup{store: st, pbx: ast.yaml("hangup"), policy: groups("subscribe: allow")}
		s := newServer(t, o)
		s.start()
		w := dialogWatch(t, s.udp, "1001")
		w.shows(device.Idle)

		o.policy = groups("subscribe: perhaps")
		s.configure(o)
		s.signal(syscall.SIGHUP)
		s.logged(lampTime, "level=ERROR", "policy.yaml", "perhaps")
		o.policy = groups("subscribe: disallow")
		s.configure(setup{store: st, pbx: ast.yaml("hangup", "reconsile: 1s"), policy: o.policy})
		s.signal(syscall.SIGHUP)
		s.logged(lampTime, "level=ERROR", "reconsile")
		w.stays(device.Idle, 100*time.Millisecond)
		c := call(t, phones[0], phones[1])
		w.shows(device.Busy)

		s.configure(o)
		s.signal(syscall.SIGHUP)
		if _, err := w.WaitTerminated(lampTime); err != nil {
			t.Fatal(err)
		}
		if err := c.HangUp(t.Context()); err != nil {
			t.Fatal(err)
		}

		// A PBX that is taken out takes its lamps along; the bridge serves on.
		gone := "  - {name: gone, type: asterisk, url: \"http://127.0.0.1:1\", username: a, password: b, grace: 1s}\n"
		standing := dialogWatch(t, s.udp, "1002")
		standing.shows(device.Idle)
		o.pbx = gone
		s.configure(o)
		s.signal(syscall.SIGHUP)
		standing.shows(device.Unknown)
		o.pbx = ast.yaml("hangup2")
		s.configure(o)
		s.signal(syscall.SIGHUP)
		standing.shows(device.Idle)
		s.eventually(lampTime, "one PBX", func() error {
			if n := s.metric("blfbridge_source_up"); n != 1 {
				return errors.New("not up")
			}
			return nil
		})
	})
}
