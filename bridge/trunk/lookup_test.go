package trunk

import (
	"strings"
	"testing"
	"time"
)

// TestServices: a destination without a port is where its SRV records say, over the
// transport that has any, in their order and with their ports; one with a port is not
// looked up so, and a domain without records is a host.
func TestServices(t *testing.T) {
	for destination, want := range map[string]string{
		"servers.test":               "TCP 192.0.2.21:5080, TCP 192.0.2.22:5080, TCP 192.0.2.31:5090",
		"servers.test;transport=tcp": "TCP 192.0.2.21:5080, TCP 192.0.2.22:5080, TCP 192.0.2.31:5090",
		"servers.test;transport=udp": "",
		"servers.test:5060":          "",
		"two.test":                   "UDP 192.0.2.21:5060, UDP 192.0.2.22:5060",
		"two.test:5070":              "UDP 192.0.2.21:5070, UDP 192.0.2.22:5070",
		"two.test;transport=tcp":     "TCP 192.0.2.21:5060, TCP 192.0.2.22:5060",
	} {
		inWorld(t, func(w *world) {
			w.snap = compiled(t, strings.Replace(office, "destinations: [192.0.2.1]", "destinations: [\""+destination+"\"]", 1))
			w.watch("9123", user)
			var tried []string
			for range 4 {
				for _, s := range w.clear() {
					tried = append(tried, s.flow.Transport.String()+" "+s.flow.Remote.String())
					w.answer(s, 503)
				}
				w.pass(time.Millisecond)
			}
			if got := strings.Join(tried, ", "); got != want {
				t.Errorf("%s: tried %q, want %q", destination, got, want)
			}
			w.is("waiting")
		})
	}
}

// TestRedirected: a redirection is not followed; the next destination is tried.
func TestRedirected(t *testing.T) {
	inWorld(t, func(w *world) {
		w.watch("5001", user)
		w.answer(w.one(a), 302, "Contact: <sip:5001@192.0.2.77>")
		w.one("192.0.2.2:5070")
	})
}
