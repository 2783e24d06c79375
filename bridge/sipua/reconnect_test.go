package sipua

import (
	"fmt"
	"testing"

	"blfbridge/bridge/notifier"
)

// TestReconnect: a phone's connection ends right behind its refresh, of which sipgo may make
// nothing then, because it has no connection for the response. What the phone asks over the next
// one does not wait for that.
func TestReconnect(t *testing.T) {
	r := newRig(t, nil)
	r.rec.answers(func(s notifier.Subscribe) { s.Answer(notifier.Answer{Status: 200, LocalTag: "lt"}) })
	p := r.tcpPhone()
	q := subscribeTo("sip:1001@x.test", p.addr()).with("To", "<sip:1001@x.test>;tag=lt").over("TCP")
	text := func() string {
		q.cseq++
		q.branch = fmt.Sprintf("z9hG4bKr%d", q.cseq)
		return q.String()
	}
	for range 200 {
		p.send(text())
		_ = p.conn.Close()
		p = r.tcpPhone()
	}
	p.send(text())
	if res := p.read(); res.code != 200 { // within 5 s
		t.Errorf("got\n%s", res.raw)
	}
}
