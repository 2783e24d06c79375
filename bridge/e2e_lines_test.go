package bridge_test

import (
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// lampsPolicy shows each of Cisco's behaviours on a line of its own, to phones by button
// and by call list.
func lampsPolicy(global, refusedAs string) string {
	return `
blf_for_call_lists: ` + global + `
refused_as: ` + refusedAs + `
tenants:
  - name: default
    presence_groups: [{name: Closed}]
    line_classes:
      - {name: h323, ring_in_as: busy, unregistered_as: idle}
      - {name: quiet, ring_in_as: idle, offhook_as: idle}
    lines:
      - {number: "1001", class: h323}
      - {number: "1002", class: quiet}
      - {number: "1003", allow_watch: no}
      - {number: "1004", presence_group: Closed}
      - {number: "1005", class: h323}
    phones:
      - {name: BUTTONS, lines: ["201"], blf_buttons: [{number: "1004"}]}
      - {name: ON, lines: ["202"], blf_buttons: [{number: "1004"}], blf_call_lists: on}
      - {name: OFF, lines: ["203"], blf_buttons: [{number: "1004"}], blf_call_lists: off}
      - {name: PLAIN, lines: ["204"]}
`
}

// TestLineBehaviours: what ring_in_as, offhook_as, unregistered_as and allow_watch make of
// a real Asterisk's calls, in the NOTIFYs; call lists off and on, globally and for one
// phone; buttons are exempt; and refused_as pretend_idle shows nothing that happens.
func TestLineBehaviours(t *testing.T) {
	t.Parallel()
	onStores(t, func(t *testing.T, st *storage) {
		ast := takeAsterisk(t, st.kind)
		phones := ast.phones(t, "1001", "1002", "1003", "1004")
		o := setup{store: st, pbx: ast.yaml("lines"), policy: lampsPolicy("on", "refuse")}
		s := newServer(t, o)
		s.start()
		see := func(user, target string) *watch {
			t.Helper()
			return watching(t, s.udp, siptest.Config{User: user}, siptest.SubscribeConfig{Target: target})
		}
		status := func(user, target string, want int) {
			t.Helper()
			p, err := siptest.NewPhone(siptest.Config{User: user, Proxy: s.udp, Domain: "127.0.0.1"})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			_, err = p.Subscribe(t.Context(), siptest.SubscribeConfig{Target: target, Fetch: true})
			if got := siptest.StatusOf(err); err != nil && got != want || err == nil && want != 200 {
				t.Errorf("%s watches %s: %v, want %d", user, target, err, want)
			}
		}
		h323, quiet, closed := see("204", "1001"), see("204", "1002"), see("201", "1004")
		unwatched, away := see("204", "1003"), see("204", "1005")
		h323.shows(device.Idle)
		quiet.shows(device.Idle)
		closed.shows(device.Idle) // a button is exempt from groups
		unwatched.shows(device.Unknown)
		away.shows(device.Idle) // its phone is not registered

		c := ring(t, phones[3], phones[0]) // 1004 calls 1001, which rings
		h323.shows(device.Busy)
		closed.shows(device.Busy)
		if err := c.Cancel(t.Context()); err != nil {
			t.Fatal(err)
		}
		h323.shows(device.Idle)
		h323.never(device.Ringing)
		c = ring(t, phones[1], phones[2]) // 1002 is off-hook
		quiet.stays(device.Idle, 300*time.Millisecond)
		in, err := phones[2].Incoming(t.Context())
		if err == nil {
			err = in.Answer()
		}
		if err != nil {
			t.Fatal(err)
		}
		quiet.shows(device.Busy) // answered
		if err := c.HangUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		quiet.shows(device.Idle)
		c = ring(t, phones[3], phones[1]) // 1002 rings
		quiet.stays(device.Idle, 300*time.Millisecond)
		if err := c.Cancel(t.Context()); err != nil {
			t.Fatal(err)
		}
		unwatched.stays(device.Unknown, time.Millisecond)

		status("201", "1001", 200) // a call list's
		status("203", "1001", 403)
		status("203", "1004", 200) // a button in a call list
		status("204", "1004", 403)
		change := func(global, refusedAs string) {
			t.Helper()
			o.policy = lampsPolicy(global, refusedAs)
			s.configure(o)
			if code, body := s.ask("POST", "/api/v1/reload", ""); code/100 != 2 {
				t.Fatalf("reloading: %d %s", code, body)
			}
		}
		change("off", "refuse")
		status("201", "1001", 403)
		status("202", "1001", 200) // the phone's own setting wins
		status("201", "1004", 200)
		status("204", "1001", 200) // a phone without buttons has no call lists to speak of
		change("on", "pretend_idle")
		blind := see("204", "1004")
		blind.shows(device.Idle)
		c = call(t, phones[3], phones[0])
		closed.shows(device.Busy)
		blind.stays(device.Idle, 300*time.Millisecond)
		if err := c.HangUp(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// never fails the test if a lamp was seen.
func (w *watch) never(s device.State) {
	w.t.Helper()
	for _, seen := range w.History() {
		if seen.State() == s {
			w.t.Errorf("the lamp showed %v", s)
		}
	}
}
