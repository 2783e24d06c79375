package bridge_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// trunkTo is a policy with a trunk to another server; more are further lines of its tenant.
// The server goes by name, since the phones of these tests have its IP address too.
func trunkTo(name, to string, more ...string) string {
	addr, _, _ := strings.Cut(to, ";")
	return fmt.Sprintf(`
watcher_all: true
allow_subscribe: true
tenants:
  - name: default
    trunks:
      - {name: %s, destinations: ["%s"], addresses: ["%s"]}
`, name, strings.Replace(to, "127.0.0.1", "localhost", 1), addr) + indented(more)
}

func indented(lines []string) (out string) {
	for _, l := range lines {
		out += "    " + l + "\n"
	}
	return out
}

// TestTwoBridges: two bridges, each in front of a real Asterisk with the same numbers,
// watch each other's lines over a trunk, UDP or TCP, as 8 and the number. A call at the
// one lights a lamp at the other at once; and what neither has, although each has the
// other for its default presence trunk, goes not round in circles.
func TestTwoBridges(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			pbx := [2]*pbx{takeAsterisk(t, "bolt"), takeAsterisk(t, "redis")}
			var at [2]*server
			for i := range at {
				at[i] = newServer(t, setup{store: newStorage(t, "bolt")})
			}
			for i, s := range at {
				s.configure(setup{
					store: newStorage(t, "bolt"), pbx: pbx[i].yaml("two" + transport),
					policy: trunkTo("other", at[1-i].udp+";transport="+transport, "default_presence_trunk: other",
						`route_patterns: [{pattern: "8.XXXX", discard_predot: true, trunk: other}]`),
				})
				s.start()
			}
			for far := range at {
				near := 1 - far
				phones := pbx[far].phones(t, "1001", "1002")
				over, direct := dialogWatch(t, at[near].udp, "81001"), dialogWatch(t, at[far].udp, "1001")
				over.shows(device.Idle)
				c := ring(t, phones[1], phones[0])
				over.shows(device.Ringing)
				if seen, err := over.WaitFor(0, lampTime, func(x siptest.Seen) bool { return strings.Contains(string(x.Body), "Bob Two") }); err != nil {
					t.Errorf("the caller is not shown: %v\n%s", err, seen.Body)
				}
				second := dialogWatch(t, at[near].udp, "81001")
				second.shows(device.Ringing)
				answered(t, c, phones[0])
				late := over.shows(device.Busy).At.Sub(direct.shows(device.Busy).At)
				second.shows(device.Busy)
				if late > time.Second {
					t.Errorf("the lamp over the trunk was %v behind the other", late)
				}
				t.Logf("over the trunk %v later than without", late)
				if n := at[far].metric("blfbridge_subscriptions"); n != float64(2+2*far) { // one of the trunk, and direct
					t.Errorf("the far bridge has %v subscriptions", n)
				}
				if err := c.Bye(t.Context()); err != nil {
					t.Fatal(err)
				}
				over.shows(device.Idle)
			}

			nobody := dialogWatch(t, at[0].udp, "7777")
			end, err := nobody.WaitTerminated(lampTime)
			if err != nil {
				t.Fatal(err)
			}
			if end.Reason != "rejected" {
				t.Errorf("ended with %q", end.Reason)
			}
			if _, err := nobody.phone.Subscribe(t.Context(), siptest.SubscribeConfig{Target: "7777"}); siptest.StatusOf(err) != 403 {
				t.Errorf("asked again at once: %v, want 403", err)
			}
		})
	}
}

// answered lets a phone answer the call that rings.
func answered(t *testing.T, c *siptest.Call, at *siptest.Phone) {
	t.Helper()
	in, err := at.Incoming(t.Context())
	if err == nil {
		err = in.Answer()
	}
	if err == nil {
		err = c.WaitAnswered(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestFarRestart: the far bridge is killed and comes back, the near one is stopped and
// comes back; the lamp is right each time without the phone's doing.
func TestFarRestart(t *testing.T) {
	t.Parallel()
	ast := takeAsterisk(t, "bolt")
	phones := ast.phones(t, "1001", "1002")
	far := newServer(t, setup{store: newStorage(t, "bolt"), pbx: ast.yaml("farrestart")})
	far.start()
	near := newServer(t, setup{store: newStorage(t, "bolt"), pbx: quiet(t), policy: trunkTo("far", far.udp+";transport=tcp", "route_patterns: [{pattern: 1XXX, trunk: far}]")})
	near.start()
	w := dialogWatch(t, near.udp, "1001")
	w.shows(device.Idle)
	far.kill()
	far.start()
	c := call(t, phones[1], phones[0])
	w.shows(device.Busy)

	near.stop()
	if n := far.metric("blfbridge_subscriptions"); n != 0 {
		t.Errorf("a clean stop left %v subscriptions at the far end", n)
	}
	if err := c.Bye(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.AllowGap()
	near.start()
	w.shows(device.Idle)
	call(t, phones[1], phones[0])
	w.shows(device.Busy)
	if n := far.metric("blfbridge_subscriptions"); n != 1 {
		t.Errorf("the far bridge has %v subscriptions", n)
	}
}

// TestAsteriskOverTrunk: of a route list the first trunk is dead, the second refuses, the third is
// a real Asterisk; with and without digest. Its own lamps cross the trunk.
func TestAsteriskOverTrunk(t *testing.T) {
	t.Parallel()
	ast := takeAsterisk(t, "bolt")
	phones := ast.phones(t, "1001", "1002")
	refusing := newServer(t, setup{store: newStorage(t, "bolt"), pbx: quiet(t), policy: "watcher_all: false\nunknown_watchers: {as: refuse}\n"})
	refusing.start()
	dead := freePort(t)
	for _, c := range []struct{ name, login string }{
		{"digest", "{username: trunk, password: pwtrunk}"},
		{"no credentials", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			pbx := fmt.Sprintf("{name: pbx, destinations: [\"localhost:%s\"]}", port(ast.addr.SIP))
			if c.login != "" {
				pbx = fmt.Sprintf("{name: pbx, destinations: [\"localhost:%s\"], outbound_digest: %s}", port(ast.addr.SIP), c.login)
			}
			near := newServer(t, setup{store: newStorage(t, "bolt"), pbx: quiet(t), policy: trunkTo("dead", dead,
				"  - {name: refusing, destinations: [\"localhost:"+port(refusing.udp)+"\"]}",
				"  - "+pbx,
				"route_groups: [{name: G, trunks: [dead, refusing, pbx]}]",
				"route_lists: [{name: L, route_groups: [G]}]",
				"route_patterns: [{pattern: 1XXX, route_list: L}]")})
			near.start()
			w := dialogWatch(t, near.udp, "1001")
			if c.login == "" {
				// Asterisk knows no such endpoint: all trunks have been tried, one may work later.
				near.logged(10*time.Second, "it is tried again", "1001")
				w.stays(device.Unknown, 500*time.Millisecond)
				return
			}
			w.eventually(t, device.Idle, 10*time.Second)
			cl := ring(t, phones[1], phones[0])
			w.shows(device.Ringing)
			answered(t, cl, phones[0])
			w.shows(device.Busy)
			if err := cl.Bye(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.shows(device.Idle)
			if out := ast.cli(t, "pjsip show subscriptions inbound"); strings.Count(out, "1001") == 0 {
				t.Errorf("Asterisk has no subscription:\n%s", out)
			}
			near.stop()
			near.eventually(lampTime, "Asterisk to forget us", func() error {
				if out := ast.cli(t, "pjsip show subscriptions inbound"); !strings.Contains(out, "0 active subscriptions") {
					return fmt.Errorf("%s", out)
				}
				return nil
			})
			near.start()
			w.AllowGap()
			w.shows(device.Idle)
		})
	}
}

func (w *watch) eventually(t *testing.T, s device.State, most time.Duration) {
	t.Helper()
	if _, err := w.WaitLamp(s, most); err != nil {
		t.Fatal(err)
	}
}

// quiet is a PBX at which nothing happens.
func quiet(t *testing.T) string {
	t.Helper()
	return freeswitchYAML("quiet", replayed(t, "register"))
}

// port of an address.
func port(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }

// TestDefaultPresenceTrunk: what no PBX has goes to the default presence trunk; the button
// with a SIP URI of a foreign host by its route, and its trunk's group decides. After a
// crash the lamps of before stand until the other side speaks, also for a number that is
// external only because no PBX has it; a policy change that takes the group away ends it.
func TestDefaultPresenceTrunk(t *testing.T) {
	t.Parallel()
	ast := takeAsterisk(t, "bolt")
	phones := ast.phones(t, "1003", "1004")
	far := newServer(t, setup{store: newStorage(t, "bolt"), pbx: ast.yaml("fardefault")})
	far.start()
	document := func(subscribe string) string {
		return trunkTo("other", far.udp, "default_presence_trunk: other",
			"presence_groups: [{name: Far}]",
			"permissions: [{from: Standard, to: Far, subscribe: "+subscribe+"}]",
			"sip_route_patterns: [{pattern: far.test, trunk: grouped}]",
			"phones: [{name: p, lines: [\"201\"], blf_buttons: [{uri: \"1003@far.test\"}]}]",
			"lines: [{number: \"201\"}]")
	}
	grouped := func(d string) string {
		return strings.Replace(d, "    default_presence_trunk", "      - {name: grouped, destinations: [\"localhost:"+port(far.udp)+"\"], presence_group: Far}\n    default_presence_trunk", 1)
	}
	o := setup{store: newStorage(t, "bolt"), pbx: quiet(t), policy: grouped(document("allow"))}
	near := newServer(t, o)
	near.start()
	byDefault := dialogWatch(t, near.udp, "1003")
	byDefault.shows(device.Idle)
	button := watching(t, near.udp, siptest.Config{User: "201"}, siptest.SubscribeConfig{Target: "sip:1003@far.test"})
	button.shows(device.Idle)
	c := call(t, phones[1], phones[0])
	byDefault.shows(device.Busy)
	button.shows(device.Busy)

	near.kill()
	byDefault.AllowGap()
	button.AllowGap()
	n := len(byDefault.History())
	near.start()
	if err := c.Bye(t.Context()); err != nil {
		t.Fatal(err)
	}
	byDefault.shows(device.Idle)
	button.shows(device.Idle)
	for _, seen := range byDefault.History()[n:] {
		if seen.State() == device.Unknown {
			t.Error("the lamp was unknown while the other side was asked again")
		}
	}
	o.policy = grouped(document("disallow"))
	near.configure(o)
	near.signal(syscall.SIGHUP)
	end, err := button.WaitTerminated(lampTime)
	if err != nil {
		t.Fatal(err)
	}
	if end.Reason != "rejected" {
		t.Errorf("ended with %q", end.Reason)
	}
	if _, err := button.phone.Subscribe(t.Context(), siptest.SubscribeConfig{Target: "sip:1003@far.test"}); siptest.StatusOf(err) != 403 {
		t.Errorf("the button of a group that is forbidden: %v, want 403", err)
	}
	call(t, phones[1], phones[0])
	byDefault.shows(device.Busy)
	if code, body := near.get("/api/v1/external"); code != 200 || !strings.Contains(body, `"trunk":"other"`) || !strings.Contains(body, `"state":"active"`) {
		t.Errorf("%d %s", code, body)
	}
}
