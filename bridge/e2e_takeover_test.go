package bridge_test

import (
	"strings"
	"testing"

	"blfbridge/bridge/device"
)

// TestTakeover: a second bridge starts on the store of a first one that still lives. With
// Redis it takes the subscriptions over, and the first one finds itself fenced; the file
// of bolt has one owner, so the second one must wait for the first one's end.
func TestTakeover(t *testing.T) {
	t.Parallel()
	onStores(t, func(t *testing.T, st *storage) {
		ast := takeAsterisk(t, st.kind)
		phones := ast.phones(t, "1001", "1002")
		first := newServer(t, setup{store: st, pbx: ast.yaml("first")})
		first.start()
		p := roaming(t, first.udp, "1001")
		p.responds(200)
		p.shows(device.Idle)

		second := newServer(t, setup{store: st, pbx: ast.yaml("second")})
		if st.kind == "bolt" {
			second.run()
			err := <-second.ended
			second.cmd = nil
			if err == nil || !strings.Contains(second.log.String(), st.path) {
				t.Fatalf("a second process opened the file: %v\n%s", err, second.log)
			}
			first.kill()
		}
		p.crashed() // the second cannot know how far the first one got
		second.run()
		if m := p.shows(device.Idle); !strings.Contains(m.Get("Via"), second.udp) || !strings.Contains(m.Get("Contact"), second.udp) {
			t.Errorf("Via %s, Contact %s, want the address that answers from now on: %s", m.Get("Via"), m.Get("Contact"), second.udp)
		}
		mendARI(t, second, ast)
		if st.kind == "redis" {
			p.subscribe("1001") // to the first one, whose commit of it is refused
			p.responds(503)
			first.logged(lampTime, "level=ERROR", "took over")
		}
		c := call(t, phones[0], phones[1])
		p.shows(device.Busy)
		if err := c.HangUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.shows(device.Idle)
		if n := second.metric("blfbridge_subscriptions"); n != 1 {
			t.Errorf("the second bridge has %v subscriptions, want 1", n)
		}
		if st.kind == "redis" {
			if n := first.metric("blfbridge_subscriptions"); n != 0 {
				t.Errorf("the fenced bridge has %v subscriptions", n)
			}
		}
	})
}
