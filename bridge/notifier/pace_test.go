package notifier

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/device"
	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

// lastSent keeps what answers to NOTIFYs need.
type lastSent struct{ sent []Response }

var ofNotify = regexp.MustCompile(`(?s)branch=([^;\s]+).*CSeq: (\d+)`)

func (s *lastSent) Send(_ Flow, msg []byte) error {
	m := ofNotify.FindSubmatch(msg)
	n, err := strconv.Atoi(string(m[2]))
	s.sent = append(s.sent, Response{Branch: ParseBranch(m[1]), CSeq: uint32(n), Status: 200})
	return err
}

// TestPace: a change of thousands of lines at once sends as many NOTIFYs as may be on their
// way, goes on as they are answered, does not wait long for phones that are dead, and in
// the end every watcher shows the last state.
func TestPace(t *testing.T) {
	p, w := &lamps{}, &lastSent{}
	n := New(Config{Lamps: p, Transport: w, Loops: 1})
	p.n = n
	l := n.loops[0]
	flow := Flow{subscription.UDP, netip.MustParseAddrPort("127.0.0.1:5060"), netip.MustParseAddrPort("127.0.0.1:7000")}
	const lines = 6000
	round := func() {
		got := l.box.take(letters{})
		l.read(&got)
		l.wheel.advance(l.now, l.fire)
		l.goOn()
		l.submit()
	}
	answer := func() {
		all := w.sent
		w.sent = nil
		for _, r := range all {
			l.response(r)
		}
	}
	for i := range lines {
		l.subscribe(&Subscribe{
			CallID: fmt.Sprint("call", i), RemoteTag: "a", CSeq: 1, Expires: time.Hour, Flow: flow,
			Cold:     subscription.Cold{RemoteTarget: "sip:200@127.0.0.1:7000", Advertised: "127.0.0.1:5060", Entity: "sip:x@y"},
			Decision: policy.Decision{Outcome: policy.Allowed, View: policy.ViewNumber, Line: policy.Line{Tenant: "t", Number: fmt.Sprint(i)}},
			Answer:   func(Answer) {},
		})
	}
	l.submit()
	round()
	answer()
	if l.pace.fresh != 0 {
		t.Fatalf("%d on their way", l.pace.fresh)
	}
	change := func(state device.State) {
		for i := range lines {
			p.set(fmt.Sprint(i), state)
		}
	}
	change(device.Busy)
	round()
	if len(w.sent) != softWindow {
		t.Fatalf("%d were sent at once, want %d", len(w.sent), softWindow)
	}
	change(device.Ringing) // what waits shows the last state only
	seen := 0
	for range 100 {
		seen += len(w.sent)
		if answer(); seen > 0 && l.pace.fresh == 0 && len(l.pace.changed) == 0 {
			break
		}
		round()
	}
	if l.pace.fresh != 0 || len(l.pace.changed) != 0 || len(l.pace.waits) != 0 {
		t.Fatalf("%d on their way, %d wait", l.pace.fresh, len(l.pace.changed))
	}
	if seen >= 2*lines {
		t.Errorf("%d NOTIFYs: what waited was not put together", seen)
	}
	// Nobody answers: they leave the window with their first retransmission.
	change(device.Busy)
	began := l.now
	for len(l.pace.changed) > 0 || l.pace.fresh > 0 {
		round()
		w.sent = nil
		if l.now += 10; l.now > began+10_000 {
			t.Fatalf("after 10 s %d wait still", len(l.pace.changed))
		}
	}
	if took := l.now - began; took > int64(lines/window+2)*1200 {
		t.Errorf("dead phones held the others up for %d ms", took)
	}
}

// TestPaceOfSilentPhones: what a loop sends before it waits for answers grows while none
// comes, without an answer or anything else that wakes it, up to the window.
func TestPaceOfSilentPhones(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Loops: 1})
		defer r.stop()
		const lines = window + 300
		for i := range lines {
			r.subscribe(fmt.Sprint("c", i), fmt.Sprint(1000+i), 1, time.Hour)
			_, msg := r.one()
			r.reply(msg, 200)
		}
		ids := make([]uint32, lines)
		for i := range ids {
			ids[i] = r.p.Intern(compositor.Key{Line: policy.Line{Tenant: "t", Number: fmt.Sprint(1000 + i)}})
		}
		r.p.mu.Lock()
		for _, id := range ids {
			r.p.off++
			r.p.all[id].State, r.p.all[id].Offset = device.Busy, r.p.off
		}
		r.p.mu.Unlock()
		r.n.Changed(compositor.Batch{Presentities: ids})
		synctest.Wait()
		sent := len(r.w.take())
		if sent != softWindow {
			t.Fatalf("%d are sent at once, want %d", sent, softWindow)
		}
		time.Sleep(window / softWindow * softStep * time.Millisecond)
		synctest.Wait()
		if sent += len(r.w.take()); sent != window {
			t.Fatalf("%d are on their way, want %d", sent, window)
		}
		time.Sleep(100 * time.Millisecond)
		r.none()
		time.Sleep(500 * time.Millisecond) // they are sent again, and the rest at last
		synctest.Wait()
		if sent += len(r.w.take()); sent != window+lines {
			t.Errorf("%d were sent, want %d", sent, window+lines)
		}
	})
}
