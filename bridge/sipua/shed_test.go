package sipua

import (
	"strconv"
	"sync/atomic"
	"testing"

	"blfbridge/bridge/notifier"
	"blfbridge/policy"
)

// TestTurnedAway: while the notifier takes no new subscription, one gets 503 and when to
// come again before anything is kept of it, a retransmission of one that was let in before
// is none, and who stands may refresh and leave.
func TestTurnedAway(t *testing.T) {
	r := newRig(t, nil)
	p := r.udpPhone()
	kept := make(chan notifier.Subscribe, 2)
	r.rec.answers(func(s notifier.Subscribe) { kept <- s })
	early := subscribeTo("sip:1001@x.test", p.addr()).String()
	p.send(early)
	next(t, r.rec.subscribes, "SUBSCRIBE")
	r.rec.full.Store(true)
	p.send(early)
	p.silent() // it is being worked on
	answered := r.quick.size()
	waits := map[int]bool{}
	for range 30 {
		res := p.ask(subscribeTo("sip:1001@x.test", p.addr()).String())
		n, err := strconv.Atoi(res.get("Retry-After"))
		if waits[n] = true; res.code != 503 || err != nil || n < 10 || n > 15 {
			t.Fatalf("%d with Retry-After %q", res.code, res.get("Retry-After"))
		}
	}
	if len(waits) < 3 {
		t.Errorf("all are told to come again together: %v", waits)
	}
	if n := r.quick.size(); n != answered {
		t.Errorf("%d answers are kept of who was turned away", n-answered)
	}
	none(t, r.rec.subscribes, "SUBSCRIBE that was turned away")
	(<-kept).Answer(notifier.Answer{Status: 200, LocalTag: "lt"})
	if res := p.read(); res.code != 200 {
		t.Fatalf("who was let in got %d", res.code)
	}
	if res := p.ask(early); res.code != 200 {
		t.Errorf("its retransmission got %d", res.code)
	}
	r.rec.answers(func(s notifier.Subscribe) { s.Answer(notifier.Answer{Status: 200, LocalTag: "lt"}) })
	for _, expires := range []string{"600", "0"} {
		refresh := subscribeTo("sip:1001@x.test", p.addr()).with("To", "<sip:1001@x.test>;tag=lt").with("Expires", expires)
		if res := p.ask(refresh.String()); res.code != 200 {
			t.Errorf("with Expires %s within the dialog: %d", expires, res.code)
		}
	}
}

// TestTurnedAwayOverTCP: the long way refuses as early as the short one: before the policy
// is asked. Who stands may refresh.
func TestTurnedAwayOverTCP(t *testing.T) {
	var decided atomic.Int32
	r := newRig(t, func(c *Config) {
		snap := c.Policy
		c.Policy = func() *policy.Snapshot { decided.Add(1); return snap() }
	})
	p := r.tcpPhone()
	r.rec.full.Store(true)
	p.send(subscribeTo("sip:1001@x.test", r.tcp).String())
	res := p.read()
	if n, err := strconv.Atoi(res.get("Retry-After")); res.code != 503 || err != nil || n < 10 || n > 15 {
		t.Errorf("%d with Retry-After %q", res.code, res.get("Retry-After"))
	}
	if decided.Load() > 0 {
		t.Error("the policy was asked about it")
	}
	none(t, r.rec.subscribes, "SUBSCRIBE that was turned away")
	p.send(subscribeTo("sip:1001@x.test", r.tcp).with("To", "<sip:1001@x.test>;tag=lt").String())
	if res := p.read(); res.code != 200 {
		t.Errorf("within the dialog: %d", res.code)
	}
	if decided.Load() == 0 {
		t.Error("the policy was not asked about a refresh")
	}
}
