package sipua

import (
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/notifier"
)

// TestAbsorberForgets: answers are kept for 32 s, the oldest fewer if there are too many,
// and what is over leaves nothing behind.
func TestAbsorberForgets(t *testing.T) {
	a := newAbsorber(100)
	res := []byte(strings.Repeat("x", 1000))
	begin := func(key uint64) *quickExchange {
		x := &quickExchange{key: key, merge: key + 1<<32, received: time.Now()}
		if what, _, _ := a.arrive(x, nil); what != arrivalNew {
			t.Fatalf("%d is %d", key, what)
		}
		return x
	}
	x := begin(1)
	if what, _, _ := a.arrive(&quickExchange{key: 1}, nil); what != arrivalWorking {
		t.Error("a retransmission is not absorbed")
	}
	if !a.finish(x, x, res, false) || a.finish(x, x, res, false) {
		t.Error("there is one final response")
	}
	if what, got, _ := a.arrive(&quickExchange{key: 1}, nil); what != arrivalAgain || string(got) != string(res) {
		t.Error("a retransmission does not get the same answer")
	}
	if what, _, _ := a.arrive(&quickExchange{key: 2, merge: x.merge, received: time.Now()}, nil); what != arrivalMerged {
		t.Error("the same request by another way is not seen")
	}
	for key := range uint64(1000) {
		x := begin(key + 10)
		a.finish(x, x, res, false)
	}
	if n := a.size(); n > 100 || len(a.merge) > 101 {
		t.Errorf("%d answers and %d merges are kept", n, len(a.merge))
	}
	a.sweep(time.Now().Add(2 * timerJ).UnixMilli())
	if len(a.answered) != 0 || len(a.merge) != 0 || len(a.chunks) != 1 {
		t.Errorf("%d answers, %d merges, %d chunks are left", len(a.answered), len(a.merge), len(a.chunks))
	}
	x = begin(1)
	a.finish(x, x, res, true)
	if len(a.merge) != 0 {
		t.Error("a challenged request may come again with its numbers")
	}
}

// TestSilentNotifierIs500: a SUBSCRIBE that the notifier never answers gets 500 in time,
// and its late answer nothing.
func TestSilentNotifierIs500(t *testing.T) {
	for _, long := range []bool{false, true} {
		r := newRig(t, func(c *Config) { c.Timeouts.Answer, c.LongWay = 50*time.Millisecond, long })
		kept := make(chan notifier.Subscribe, 1)
		r.rec.answers(func(s notifier.Subscribe) { kept <- s })
		p := r.udpPhone()
		if res := p.ask(subscribeTo("sip:1001@x.test", p.addr()).String()); res.code != 500 {
			t.Error(res.raw)
		}
		(<-kept).Answer(notifier.Answer{Status: 200, LocalTag: "lt", Expires: time.Minute})
		p.silent()
	}
}

// TestShortWayWaitsForLong: of one Call-ID, a plain SUBSCRIBE does not overtake an unusual
// one that came before.
func TestShortWayWaitsForLong(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.Resolver = names{"slow.test": {}} // never answers
		c.Timeouts.Resolve = 300 * time.Millisecond
	})
	p := r.udpPhone()
	q := subscribeTo("sip:1001@x.test", p.addr()).with("To", "<sip:1001@x.test>;tag=lt")
	odd := *q
	odd.headers = map[string]string{"To": q.headers["To"], "Contact": "<sip:a@slow.test>"}
	p.send(odd.String())
	time.Sleep(20 * time.Millisecond) // it is in its handler
	q.cseq, q.branch = 2, q.branch+"b"
	p.send(q.String())
	p.send(q.String()) // and its retransmission stays with it
	for i := range uint32(2) {
		if s := next(t, r.rec.subscribes, "SUBSCRIBE"); s.CSeq != i+1 {
			t.Fatalf("CSeq %d came as number %d", s.CSeq, i+1)
		}
	}
	none(t, r.rec.subscribes, "third SUBSCRIBE")
	if n := r.quick.size(); n != 0 {
		t.Errorf("%d took the short way", n)
	}
}
