package notifier

import (
	"fmt"
	"net/netip"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/subscription"
)

// twoPlaces is a network on which a phone has a second place, and from which what another
// process stored comes to another address of ours.
type twoPlaces struct {
	*wire
	went []uint16 // ports
}

const firstPlace, secondPlace = 7000, 5999 // rig.subscribing's, and the other

func (w *twoPlaces) Send(f Flow, msg []byte) error {
	w.mu.Lock()
	w.went = append(w.went, f.Remote.Port())
	w.mu.Unlock()
	return w.wire.Send(f, msg)
}

func (w *twoPlaces) Diverted(f Flow, c *subscription.Cold) (Flow, bool) {
	if c.CallID == "single" || f.Remote.Port() == secondPlace {
		return f, false
	}
	f.Remote = netip.AddrPortFrom(f.Remote.Addr(), secondPlace)
	return f, true
}

func (w *twoPlaces) Restored(_ Flow, c *subscription.Cold) { c.Local = "127.0.0.2:5060" }

func (w *twoPlaces) want(t *testing.T, when string, want ...uint16) {
	t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if fmt.Sprint(w.went) != fmt.Sprint(want) {
		t.Errorf("%s: sent to %v, want %v", when, w.went, want)
	}
	w.went = nil
}

func onTwoPlaces(net **twoPlaces) func(*Notifier) {
	return func(n *Notifier) {
		*net = &twoPlaces{wire: n.transport.(*wire)}
		n.transport = *net
	}
}

// answerFrom answers the last NOTIFY that was sent.
func (r *rig) answerFrom(port uint16, status int) {
	sent := r.w.take()
	msg := sent[len(sent)-1]
	cseq, _ := strconv.Atoi(find(cseqRE, msg))
	r.n.Responses(Response{Branch: ParseBranch(find(branchRE, msg)), CSeq: uint32(cseq), Status: status, Port: port})
	synctest.Wait()
}

// TestDiverted: who does not answer at the flow is looked for at its second place in turns.
// Who answers there is told there from then on.
func TestDiverted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var net *twoPlaces
		r := newRig(t, Config{}, onTwoPlaces(&net))
		defer r.stop()
		const all = 8 * time.Second // retransmissions at 0.5, 1.5, 3.5 and 7.5 s
		r.subscribe("single", "101", 1, time.Hour)
		time.Sleep(all)
		net.want(t, "one place", firstPlace, firstPlace, firstPlace, firstPlace, firstPlace)
		r.answerFrom(firstPlace, 200)
		r.subscribe("single", "101", 2, 0)
		r.answerFrom(firstPlace, 200)
		net.want(t, "its end", firstPlace)

		r.subscribe("c1", "101", 1, time.Hour)
		time.Sleep(all)
		net.want(t, "nobody answers", firstPlace, secondPlace, firstPlace, secondPlace, firstPlace)
		r.answerFrom(firstPlace, 200)
		r.p.set("101", device.Ringing)
		time.Sleep(time.Second)
		net.want(t, "after an answer from the flow", firstPlace, secondPlace)
		r.answerFrom(secondPlace, 481)
		time.Sleep(time.Second)
		net.want(t, "another phone is there", firstPlace)
		r.answerFrom(secondPlace, 200)
		r.p.set("101", device.Idle)
		time.Sleep(2 * time.Second)
		net.want(t, "after an answer from there", secondPlace, secondPlace, secondPlace)
		r.answerFrom(secondPlace, 200)
		r.subscribe("c1", "101", 2, time.Hour)
		net.want(t, "after a refresh", firstPlace)
		r.answerFrom(secondPlace, 481) // it never went there: a phone that answers from elsewhere
		r.p.set("101", device.Busy)
		net.want(t, "after its refusal")
	})
}

// TestStrayed: where another process sent to may lead nowhere from here. The second place
// comes first, until one of the two answers.
func TestStrayed(t *testing.T) {
	for _, from := range []uint16{firstPlace, secondPlace} {
		synctest.Test(t, func(t *testing.T) {
			h := newHome(t)
			r, crash := h.open(Config{})
			r.subscribe("c1", "101", 1, time.Hour)
			r.reply(r.want("active v=0 terminated"), 200)
			crash()
			var net *twoPlaces
			r, crash = h.open(Config{}, onTwoPlaces(&net))
			defer crash()
			time.Sleep(2 * time.Second)
			net.want(t, "restored", secondPlace, firstPlace, secondPlace)
			r.answerFrom(from, 200)
			r.p.set("101", device.Ringing)
			net.want(t, fmt.Sprintf("after an answer from %d", from), from)
			r.answerFrom(from, 200)
		})
	}
}
