package edge

import (
	"fmt"
	"testing"

	"blfbridge/bridge/notifier"
)

// TestDomains: which PBXs serve a request, by the table of routes: the host of its URI, or
// where that is our own address the sender's domain; who is down comes last.
func TestDomains(t *testing.T) {
	ours := "sip:1002@" + outside.Addr().String()
	route := func(c *Config) {
		c.Routes = []Route{{Domain: "One.test", PBX: []string{"one"}}, {Domain: "two.test", PBX: []string{"two", "one"}}}
	}
	r := newRig(t, route)
	for i, c := range []struct {
		method, uri, from, to string
		down                  bool // the second PBX
		want                  notifier.Flow
	}{
		{"MESSAGE", "sip:1002@one.test", "two.test", "one.test", false, pbxOne},
		{"MESSAGE", "sip:1002@TWO.test:5070", "one.test", "two.test", false, pbxTwo},
		{"MESSAGE", ours, "two.test", "x", false, pbxTwo},
		{"MESSAGE", ours, "ONE.test", "x", false, pbxOne},
		{"MESSAGE", "sip:1002@other.test", "two.test", "other.test", false, pbxOne}, // no entry: all
		{"REGISTER", ours, "one.test", "two.test", false, pbxTwo},                   // by To
		{"REGISTER", "sip:two.test", "one.test", "two.test", false, pbxTwo},
		{"MESSAGE", "sip:1002@two.test", "one.test", "two.test", true, pbxOne},
	} {
		r.e.peers[1].up.Store(!c.down)
		r.mustGive(phoneUDP, req{
			method: c.method, uri: c.uri, branch: fmt.Sprint("z9hG4bKd", i), from: "<sip:1001@" + c.from + ">;tag=a", to: "<sip:1001@" + c.to + ">",
		}.String())
		if m := r.to(c.want); len(m) != 1 || m[0].Method != c.method {
			t.Errorf("%s %s from %s to %s went elsewhere:\n%s", c.method, c.uri, c.from, c.to, r.all())
		}
		r.drain()
	}
}
