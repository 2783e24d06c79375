package sipua

import (
	"crypto/rand"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"blfbridge/bridge/notifier"
)

// maxHangups bounds the calls being ended at a time.
const maxHangups = 1000

// hangups are the calls that were answered to be ended at once.
type hangups struct {
	mu       sync.Mutex // guards both maps
	calls    map[hangupKey]*hangup
	branches map[string]*hangup
}

type hangupKey struct{ callID, tag string }

// hangup is one such call. Its fields but the channels are set before anybody else sees it
// answered, and then only read.
type hangup struct {
	hangupKey
	branch        string
	flow          notifier.Flow
	advertised    string
	target        string // the phone's Contact
	routes        string
	local, remote string // From and To of our BYE

	ackOnce, overOnce sync.Once
	acked, over       chan struct{}
}

func newHangups() *hangups {
	return &hangups{calls: map[hangupKey]*hangup{}, branches: map[string]*hangup{}}
}

// add begins a call; false if there are too many, or it is there already.
func (c *hangups) add(callID, tag string) (*hangup, bool) {
	h := &hangup{
		hangupKey: hangupKey{callID, tag}, branch: "z9hG4bKbye." + rand.Text(),
		acked: make(chan struct{}), over: make(chan struct{}),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.calls) >= maxHangups || c.calls[h.hangupKey] != nil {
		return nil, false
	}
	c.calls[h.hangupKey], c.branches[h.branch] = h, h
	return h, true
}

func (c *hangups) remove(h *hangup) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.calls, h.hangupKey)
	delete(c.branches, h.branch)
}

func (c *hangups) find(q *ask) *hangup {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls[hangupKey{q.callID, q.toTag}]
}

// ack takes an ACK.
func (c *hangups) ack(q *ask) {
	if h := c.find(q); h != nil {
		h.ackOnce.Do(func() { close(h.acked) })
	}
}

// bye takes a BYE and reports whether it ends one of the calls.
func (c *hangups) bye(q *ask) bool {
	h := c.find(q)
	if h == nil {
		return false
	}
	h.end()
	return true
}

// response takes a response and reports whether it answers one of the BYEs.
func (c *hangups) response(res *sip.Response) bool {
	via := res.Via()
	if via == nil {
		return false
	}
	branch, _ := via.Params.Get("branch")
	c.mu.Lock()
	h := c.branches[branch]
	c.mu.Unlock()
	if h == nil {
		return false
	}
	if res.StatusCode >= 200 {
		h.end()
	}
	return true
}

// end ends waiting for whatever: over first, which who waits for the ACK looks at next.
func (h *hangup) end() {
	h.overOnce.Do(func() { close(h.over) })
	h.ackOnce.Do(func() { close(h.acked) })
}

// repeat sends until done is closed, for 64·T1 at most, as RFC 3261 §13.3.1.4 has it for a
// 200 and §17.1.2.2 for a request. On a connection only the 200 would be sent again, and it
// does no harm that a BYE is as well.
func (h *hangup) repeat(stopping, done <-chan struct{}, send func()) {
	const t1, t2 = 500 * time.Millisecond, 4 * time.Second
	wait, end := t1, time.Now().Add(64*t1)
	for time.Now().Before(end) {
		send()
		t := time.NewTimer(wait)
		select {
		case <-done:
			t.Stop()
			return
		case <-stopping:
			t.Stop()
			return
		case <-t.C:
		}
		wait = min(2*wait, t2)
	}
}

// bye writes the request (RFC 3261 §15.1.1).
func (h *hangup) bye() []byte {
	var b strings.Builder
	line := func(parts ...string) {
		for _, p := range parts {
			b.WriteString(p)
		}
		b.WriteString("\r\n")
	}
	line("BYE ", h.target, " SIP/2.0")
	line("Via: SIP/2.0/", h.flow.Transport.String(), " ", h.advertised, ";branch=", h.branch, ";rport")
	line("Max-Forwards: 70")
	if h.routes != "" {
		line("Route: ", h.routes)
	}
	line("From: ", h.local)
	line("To: ", h.remote)
	line("Call-ID: ", h.callID)
	line("CSeq: ", strconv.Itoa(1), " BYE")
	line("Content-Length: 0")
	line()
	return []byte(b.String())
}
