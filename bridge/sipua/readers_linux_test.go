package sipua

import (
	"errors"
	"testing"
	"time"

	"blfbridge/bridge/subscription"
)

// TestReaders: several sockets of one address read side by side, and every phone is served
// by its one; the address is as taken as with one socket.
func TestReaders(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Readers = 4 })
	if len(r.beside) != 3 || len(r.Addrs()) != 2 {
		t.Fatalf("%d sockets besides, addresses %v", len(r.beside), r.Addrs())
	}
	for range 64 {
		p := r.udpPhone()
		p.send(subscribeTo("sip:1001@x.test", p.addr()).String())
		if res := p.read(); res.code != 200 {
			t.Fatalf("%+v", res)
		}
		sub := next(t, r.rec.subscribes, "SUBSCRIBE")
		if sub.Flow.Local != r.udp || sub.Flow.Remote != p.addr() {
			t.Errorf("came by %+v", sub.Flow)
		}
		if err := r.Send(sub.Flow, []byte("NOTIFY")); err != nil {
			t.Error(err)
		}
		if msg, ok := p.tryRead(5 * time.Second); !ok || msg != "NOTIFY" {
			t.Errorf("got %q", msg)
		}
	}
	_, err := New(Config{Listen: []Listen{{subscription.UDP, r.udp}}, Policy: r.config.Policy, Readers: 4})
	if !errors.Is(err, ErrListen) {
		t.Errorf("a second server at %s: %v", r.udp, err)
	}
	r.stop()
	used := 0
	for _, u := range append(r.beside, r.sockets[r.udp]) {
		if u.in == nil || u.in.names[0].Port != 0 {
			used++
		}
	}
	if used < 2 {
		t.Errorf("64 phones came by %d of 4 sockets", used)
	}
}
