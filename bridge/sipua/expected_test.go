package sipua

import (
	"sync/atomic"
	"testing"
	"time"

	"blfbridge/bridge/notifier"
	"blfbridge/policy"
)

// TestSubscribeBeforeRegister: on a new connection a phone may subscribe before it registers;
// it is waited for, unless it has credentials to be asked for, or has sent some.
func TestSubscribeBeforeRegister(t *testing.T) {
	doc := public(policy.Phone{Name: "P", Lines: []string{"1003"}, Digest: &policy.Digest{Username: "1003", Password: "secret"}})
	for _, n := range []string{"1001", "1002", "1003"} {
		doc.Tenants[0].Lines = append(doc.Tenants[0].Lines, policy.DirectoryNumber{Number: n})
	}
	snap := compile(t, doc)
	var known atomic.Bool
	var asked atomic.Int32
	r := newRig(t, func(c *Config) {
		c.Policy = func() *policy.Snapshot { return snap }
		c.Registered = func(notifier.Flow, string) bool { return known.Load() }
		c.Registers = func(_ notifier.Flow, aor string, _ <-chan struct{}, most time.Duration) bool {
			asked.Add(1)
			if most <= 0 || aor != "1002@acme.test" {
				t.Error(aor, most)
			}
			known.Store(true)
			return true
		}
	})
	from := func(user string) *request {
		return subscribeTo("sip:1001@acme.test", r.tcp).with("From", "<sip:"+user+"@acme.test>;tag=ft")
	}
	p := r.tcpPhone()
	p.send(from("1002").String())
	if res := p.read(); res.code != 200 || asked.Load() != 1 {
		t.Errorf("%d after %d waits", res.code, asked.Load())
	}
	known.Store(false)
	for name, q := range map[string]*request{
		"one that has credentials": from("1003"),
		"one that has sent some":   from("1002").line(`Authorization: Digest username="1002", realm="blfbridge", nonce="n", uri="sip:1001@acme.test", response="00"`),
		"a nameless one":           subscribeTo("sip:1001@acme.test", r.tcp).with("From", "<sip:acme.test>;tag=ft"),
	} {
		p.send(q.String())
		if res := p.read(); res.code != 401 && res.code != 403 || asked.Load() != 1 {
			t.Errorf("%s: %d after %d waits", name, res.code, asked.Load())
		}
	}
}
