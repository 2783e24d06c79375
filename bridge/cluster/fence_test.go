package cluster

import (
	"errors"
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/store"
	"blfbridge/bridge/store/storetest"
)

// TestFencedHolder: a holder that was paused for longer than its lease goes on after another one
// took it. Nothing that it publishes then comes into the feed: neither changes, which are added
// by XADD alone, nor a snapshot, nor what is saved.
func TestFencedHolder(t *testing.T) {
	addr, _ := storetest.StartRedis(t)
	replica := func(name string) (*Feed, *publisher) {
		t.Helper()
		b, err := store.Open(t.Context(), store.Config{Kind: "redis", URLs: []string{"redis://" + addr}})
		if err != nil {
			t.Fatal(err)
		}
		c := New(Config{Store: b.(*store.Redis), Replica: name, Lease: 200 * time.Millisecond})
		t.Cleanup(func() { _ = c.Close(); _ = b.Close() })
		f := c.Source(&client{p: newPBX()})
		s, mine, err := f.take(t.Context())
		if err != nil || !mine {
			t.Fatalf("%s took the lease: %v, %v", name, mine, err)
		}
		return f, newPublisher(f, &lamps{}, s)
	}
	busy := device.Status{Name: "PJSIP/1", State: device.Busy}
	_, a := replica("A")
	if err := a.putAll(t.Context(), map[string]device.Status{"PJSIP/1": busy}); err != nil {
		t.Fatal(err)
	}
	if err := a.putChanges(t.Context(), entry{Changed: []device.Status{busy}}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	f, _ := replica("B")
	before, err := f.look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"a change":   a.putChanges(t.Context(), entry{Changed: []device.Status{busy}}),
		"a snapshot": a.putAll(t.Context(), map[string]device.Status{"PJSIP/1": busy}),
		"an end":     a.put(t.Context(), entry{Released: true}, "x"),
		"the lease":  a.renew(t.Context()),
	} {
		if !errors.Is(err, ErrLost) {
			t.Errorf("%s of the one that was replaced: %v, not %v", what, err, ErrLost)
		}
	}
	if after, err := f.look(t.Context()); err != nil || after.token != before.token || after.n != before.n {
		t.Errorf("the feed stands at %+v, and stood at %+v: %v", after, before, err)
	}
}
