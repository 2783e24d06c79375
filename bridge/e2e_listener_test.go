package bridge_test

import (
	"bufio"
	"fmt"
	"net"
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
	"blfbridge/bridge/siptest/ladder"
)

// listeningPhone is a TCP phone whose Contact can be reached: where its own connection
// is gone, the bridge may open another one.
type listeningPhone struct {
	*ladderPhone
	t  *testing.T
	ln net.Listener
}

// listening subscribes such a phone.
func listening(t *testing.T, bridge, target string) *listeningPhone {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &listeningPhone{t: t, ln: ln, ladderPhone: newLadderPhone("1005", bridge, "TCP", func() (ladderWire, error) {
		c, err := net.Dial("tcp", bridge)
		return streamWire{c, bufio.NewReader(c)}, err
	})}
	accepted := make(chan struct{})
	go func() {
		defer close(accepted)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			w := streamWire{c, bufio.NewReader(c)}
			p.mu.Lock()
			p.wire = w
			p.mu.Unlock()
			p.readers.Go(func() { p.read(w) })
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		<-accepted
		p.hangUp()
		for _, f := range p.faults {
			t.Errorf("the listening phone: %s", f)
		}
	})
	contact := fmt.Sprintf("<sip:1005@%s;transport=tcp>", ln.Addr())
	if err := p.request(ladder.Request{Method: "SUBSCRIBE", Target: target, Fields: []ladder.Field{
		{Name: "Event", Value: "dialog"}, {Name: "Expires", Value: "600"}, {Name: "Contact", Value: contact},
	}}); err != nil {
		t.Fatal(err)
	}
	return p
}

// hangUp closes the phone's connection; numbers may skip from then on.
func (p *listeningPhone) hangUp() {
	p.ladderPhone.hangUp()
	p.crashed()
}

// shows waits for a lamp, answering every NOTIFY.
func (p *listeningPhone) shows(want device.State) {
	p.t.Helper()
	var got siptest.Lamp
	for end := time.Now().Add(lampTime); time.Now().Before(end); {
		m, arrived := p.next()
		if m == nil {
			select {
			case <-arrived:
			case <-time.After(time.Until(end)):
			}
			continue
		}
		if m.IsResponse() {
			continue
		}
		if err := p.reply(p.t.Context(), ladder.Reply{Status: 200}); err != nil {
			p.t.Fatal(err)
		}
		l, err := siptest.ReadLamp(m.Get("Content-Type"), m.Body)
		if err != nil {
			p.t.Fatal(err)
		}
		if got = l; l.State == want {
			return
		}
	}
	p.t.Fatalf("the listening phone shows %v, want %v", got.State, want)
}
