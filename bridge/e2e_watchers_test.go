package bridge_test

import (
	"crypto/md5" //nolint:gosec // what sipp knows
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// everyKind is a policy with a watcher of each kind, each in a group of its own, which may
// watch line 1003 as the permission says; sipp digests with MD5.
func everyKind(subscribe string) string {
	ha1 := func(user string) string {
		return fmt.Sprintf("{username: %s, ha1: %x}", user, md5.Sum([]byte(user+":blfbridge:s3cret"))) //nolint:gosec // see above
	}
	var permissions strings.Builder
	for _, group := range []string{"Phones", "Users", "Trunks", "Apps", "Board"} {
		fmt.Fprintf(&permissions, "      - {from: %s, to: Watched, subscribe: %s, view: state}\n", group, subscribe)
	}
	return `
unknown_watchers: {as: challenge}
tenants:
  - name: default
    presence_groups: [{name: Watched}, {name: Phones}, {name: Users}, {name: Trunks}, {name: Apps}, {name: Board}]
    permissions:
` + permissions.String() + `    lines: [{number: "1003", presence_group: Watched}]
    hunt_pilots: [{number: "1900", members: ["1003"]}]
    phones:
      - {name: P, lines: ["201", "202"], presence_group: Phones, digest: ` + ha1("phone") + `}
      - {name: OTHER, lines: ["203"]}
      - {name: LOBBY, lines: ["204"], extension_mobility: true}
    device_profiles: [{name: desk}]
    end_users:
      - {user_id: ada, presence_group: Users, digest: ` + ha1("ada") + `}
      - {user_id: ann, presence_group: Board, device_profiles: [desk]}
    trunk_security_profiles:
      - {name: open, accept_presence_subscription: true}
      - {name: apps, accept_presence_subscription: true, digest: true, application_level_authorization: true}
      - {name: shut, digest: true, application_level_authorization: true}
      - {name: device, accept_presence_subscription: true, digest: true}
    trunks:
      - {name: OPEN, addresses: [127.0.3.1], security_profile: open, presence_group: Trunks}
      - {name: CONF, addresses: [127.0.3.2], security_profile: apps}
      - {name: SHUT, addresses: [127.0.3.3], security_profile: shut}
      - {name: DEV, addresses: [127.0.3.4], security_profile: device, presence_group: Trunks}
      - {name: H, protocol: h323}
    route_patterns: [{pattern: 7XXX, trunk: H}]
    application_users:
      - {user_id: meeting, accept_presence_subscription: true, presence_group: Apps, digest: ` + ha1("meet") + `}
      - {user_id: quiet, presence_group: Apps, digest: ` + ha1("quiet") + `}
`
}

// sippWatcher is a watcher that sipp plays.
type sippWatcher struct{ scenario, number, source, from, user string }

// sipp starts a watcher and returns what waits for its end.
func (s *server) sipp(w sippWatcher) (wait func()) {
	s.t.Helper()
	_, port, _ := strings.Cut(freePort(s.t), ":")
	c := exec.CommandContext(s.t.Context(), "sipp", s.udp, "-sf", sippScenario(s.t, w.scenario), "-s", w.number, "-i", w.source, "-p", port, "-t", "u1", "-m", "1",
		"-key", "from", w.from, "-key", "user", w.user, "-au", w.user, "-ap", "s3cret", "-auth_uri", w.number+"@"+s.udp,
		"-recv_timeout", "40000", "-timeout", "90s", "-timeout_error", "-nostdin")
	c.Dir = s.t.TempDir()
	var out logBuffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		s.t.Fatalf("sipp: %v; run scripts/test, which installs it", err)
	}
	return func() {
		s.t.Helper()
		if err := c.Wait(); err != nil {
			text := out.String()
			s.t.Errorf("%+v: %v\n%s", w, err, text[max(0, len(text)-2500):])
		}
	}
}

// TestEveryKindOfWatcher: sipp as a phone, an end user, a trunk, an application user and a
// phone somebody is logged in on watches a line of a real Asterisk, gets what Cisco's
// documents say, and is ended by a change of the policy.
func TestEveryKindOfWatcher(t *testing.T) {
	t.Parallel()
	onStores(t, func(t *testing.T, st *storage) {
		ast := takeAsterisk(t, st.kind)
		phones := ast.phones(t, "1002", "1003")
		s := newServer(t, setup{store: st, pbx: ast.yaml("kinds")})
		s.start()
		put := func(document string) {
			t.Helper()
			if code, body := s.ask("PUT", "/api/v1/policy", document); code != 200 {
				t.Fatalf("importing a policy: %d %s", code, body)
			}
		}
		put(everyKind("allow"))
		s.cli("login", "LOBBY", "ann")
		var ends []func()
		for _, w := range []sippWatcher{
			{"watch", "1003", "127.0.0.1", "202", "-"},
			{"watch", "1003", "127.0.0.1", "204", "-"},        // LOBBY, where ann is logged in
			{"watch", "1003", "127.0.3.1", "203", "-"},        // the trunk, whoever it says to be
			{"watch_digest", "1003", "127.0.0.1", "x", "ada"}, // a directory of an end user
			{"watch_digest", "1003", "127.0.3.2", "x", "meet"},
		} {
			ends = append(ends, s.sipp(w))
		}
		for _, w := range []sippWatcher{
			{"refused", "1003", "127.0.0.1", "203", "-"}, // its group may not
			{"refused", "1900", "127.0.0.1", "201", "-"}, // a hunt pilot
			{"refused", "7001", "127.0.0.1", "201", "-"}, // by way of an H.323 trunk
			{"missing", "4711", "127.0.0.1", "201", "-"},
			{"refused", "1003", "127.0.3.3", "x", "-"},            // the application accepts, the trunk's profile does not
			{"refused_digest", "1003", "127.0.3.4", "x", "meet"},  // the application accepts, no application level authorization
			{"refused_digest", "1003", "127.0.3.2", "x", "quiet"}, // the application does not accept
			{"challenged", "1003", "127.0.3.2", "201", "phone"},   // a phone's credentials
		} {
			s.sipp(w)()
		}
		subscribed := func(n int, notifies float64) {
			t.Helper()
			s.eventually(60*time.Second, "the watchers", func() error {
				return errors.Join(want(s.metric("blfbridge_subscriptions"), float64(n)), want(s.metric("blfbridge_notifies_total"), notifies))
			})
		}
		subscribed(5, 5)
		_, list := s.get("/api/v1/subscriptions")
		for _, has := range []string{
			`"kind":"phone","id":"P","number":"202"`, `"kind":"phone","id":"LOBBY","number":"204"`, `"kind":"trunk","id":"OPEN"`,
			`"kind":"end_user","id":"ada"`, `"kind":"application_user","id":"meeting","trunk":"CONF","digest_user":"meet"`,
		} {
			if !strings.Contains(list, has) {
				t.Errorf("the list of subscriptions lacks %s:\n%s", has, list)
			}
		}
		call(t, phones[0], phones[1])
		subscribed(5, 10)
		put(everyKind("disallow"))
		for _, end := range ends {
			end()
		}
		subscribed(0, 15)
	})
}
