package bridge_test

import (
	"testing"
	"time"

	"blfbridge/bridge/siptest"
)

// TestEdgeOwnCalls: calls of before a kill of the bridge are still their phones': it moves one
// by Replaces and transfers to one; another phone can do neither.
func TestEdgeOwnCalls(t *testing.T) {
	t.Parallel()
	a := takeAsterisk(t, "edge")
	s := newServer(t, setup{store: newStorage(t, "bolt"), pbx: a.yaml("edge", "sip: udp://"+a.addr.SIP), more: edgeYAML})
	s.start()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	echo := func(p *siptest.Phone) *siptest.Call {
		t.Helper()
		c, err := p.Dial(ctx, "600")
		must(err)
		must(c.WaitAnswered(ctx))
		return c
	}
	for _, tcp := range []bool{false, true} {
		p1, p2, p3, p6 := edgePhone(t, s, "1001", tcp), edgePhone(t, s, "1002", tcp), edgePhone(t, s, "1003", tcp), edgePhone(t, s, "1006", tcp)
		c, in := talk(t, p1, p2)
		ask, third := talk(t, p2, p3)
		own, hers := echo(p1), echo(p6)
		s.kill()
		s.start()
		if tcp {
			for _, p := range []*siptest.Phone{p1, p2, p3, p6} {
				must(p.Register(ctx, 10*time.Minute))
			}
		}
		if err := hers.ReferTo(ctx, ask); siptest.StatusOf(err) != 403 {
			t.Errorf("a transfer to somebody's call: %v, want 403", err)
		}
		stolen, err := p6.DialReplaces(ctx, "1003", ask.Replaces())
		must(err)
		if status, err := stolen.WaitFinal(ctx); status != 481 || err != nil {
			t.Errorf("somebody's call was replaced with %d, %v", status, err)
		}
		moved, err := p1.DialReplaces(ctx, "600", own.Replaces())
		must(err)
		must(moved.WaitAnswered(ctx))
		must(own.WaitEnded(ctx))
		must(moved.Bye(ctx))

		must(in.Hold(ctx))
		must(in.ReferTo(ctx, ask))
		must(ask.WaitEnded(ctx))
		must(third.Bye(ctx))
		must(c.WaitEnded(ctx))
		must(hers.Bye(ctx))
		for _, p := range []*siptest.Phone{p1, p2, p3, p6} {
			must(p.Unregister(ctx))
		}
	}
}
