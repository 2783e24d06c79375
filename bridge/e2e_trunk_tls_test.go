package bridge_test

import (
	"fmt"
	"strings"
	"testing"

	"blfbridge/bridge/certs/certstest"
	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// TestTrunkOverTLS: two bridges over TLS. The near one takes the far one for what it is
// only if its certificate is for the destination as the policy has it, a name or an
// address; the far one knows the trunk by the name in the near one's certificate, and by
// nothing else. The phone has an address of its own, since that of a destination is the trunk.
func TestTrunkOverTLS(t *testing.T) {
	t.Parallel()
	ca := certstest.New(t, "ca")
	secured := func(addr string, l certstest.Leaf) setup {
		cert, key := ca.Write(t, t.TempDir(), l)
		return setup{
			store: newStorage(t, "bolt"), listen: "tls://" + addr,
			sip: fmt.Sprintf("  tls: {cert_file: %s, key_file: %s, ca_file: %s, client_ca_file: %s, client_auth: request}\n", cert, key, ca.File, ca.File),
		}
	}
	fs := replayed(t, "call_answer_caller_hangs_up")
	for _, c := range []struct{ name, host, far, near, logged string }{
		{name: "by name", host: "localhost", far: "localhost", near: "near.test"},
		{name: "by address", host: "127.0.0.1", far: "127.0.0.1", near: "near.test"},
		{name: "certificate for the address only", host: "localhost", far: "127.0.0.1", near: "near.test", logged: "it is tried again"},
		{name: "certificate for the name only", host: "127.0.0.1", far: "localhost", near: "near.test", logged: "it is tried again"},
		{name: "a stranger's certificate", host: "localhost", far: "localhost", near: "other.test", logged: "403"},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := freePort(t)
			o := secured(at, certstest.Leaf{Names: []string{c.far}})
			o.pbx, o.policy = freeswitchYAML("fs", fs), `
unknown_watchers: {as: refuse}
tenants:
  - name: default
    trunk_security_profiles: [{name: tls, accept_presence_subscription: true, x509_subject_names: [near.test]}]
    trunks: [{name: near, addresses: [192.0.2.1], security_profile: tls}]
`
			far := newServer(t, o)
			far.start()
			o = secured(freePort(t), certstest.Leaf{CommonName: "near", Names: []string{c.near}})
			o.pbx, o.policy = quiet(t), fmt.Sprintf(`
allow_subscribe: true
tenants:
  - name: default
    trunks: [{name: far, destinations: ["%s:%s;transport=tls"]}]
    route_patterns: [{pattern: 1XXX, trunk: far}]
`, c.host, port(at))
			near := newServer(t, o)
			near.start()
			w := watching(t, near.udp, siptest.Config{Listen: "127.0.0.7:0"}, siptest.SubscribeConfig{Target: "1001", GapsAllowed: true})
			if c.logged == "" {
				w.shows(device.Idle)
				if code, body := far.get("/api/v1/subscriptions?watcher=near"); code != 200 || !strings.Contains(body, `"kind":"trunk"`) || !strings.Contains(body, `"transport":"TLS"`) {
					t.Errorf("%d %s", code, body)
				}
				return
			}
			near.logged(2*lampTime, c.logged, "1001")
			if far.metric("blfbridge_subscriptions") != 0 {
				t.Error("the far bridge took it")
			}
		})
	}
}
