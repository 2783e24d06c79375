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

// rawPhone is a ladder's phone outside a ladder: it answers where a request came from,
// and over TCP it listens at its Contact.
type rawPhone struct {
	*ladderPhone
	t       *testing.T
	contact string
}

// listening subscribes a TCP phone whose Contact can be reached: where its own connection
// is gone, the bridge may open another one.
func listening(t *testing.T, bridge, target string) *rawPhone {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &rawPhone{t: t, contact: fmt.Sprintf("<sip:1005@%s;transport=tcp>", ln.Addr())}
	p.ladderPhone = newLadderPhone("1005", bridge, "TCP", func() (ladderWire, error) {
		c, err := net.Dial("tcp", bridge)
		return streamWire{c, bufio.NewReader(c)}, err
	})
	accepted := make(chan struct{})
	var all []net.Conn // of the goroutine that accepts, until it has ended
	go func() {
		defer close(accepted)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			all = append(all, c)
			w := streamWire{c, bufio.NewReader(c)}
			p.mu.Lock()
			if p.wire != nil {
				_ = p.wire.Close() // else nobody would: the newest counts
			}
			p.wire = w
			p.mu.Unlock()
			p.readers.Go(func() { p.read(w) })
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		<-accepted
		for _, c := range all {
			_ = c.Close()
		}
		p.end()
	})
	p.subscribe(target)
	return p
}

// roaming subscribes a UDP phone that does not care which address notifies it.
func roaming(t *testing.T, bridge, target string) *rawPhone {
	t.Helper()
	to, err := net.ResolveUDPAddr("udp", bridge)
	if err != nil {
		t.Fatal(err)
	}
	p := &rawPhone{t: t, ladderPhone: newLadderPhone("1005", bridge, "UDP", func() (ladderWire, error) {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		return &packetWire{PacketConn: c, peer: to}, err
	})}
	t.Cleanup(p.end)
	p.subscribe(target)
	return p
}

// subscribe sends a SUBSCRIBE: the second one for a target is a refresh.
func (p *rawPhone) subscribe(target string) {
	p.t.Helper()
	fields := []ladder.Field{{Name: "Event", Value: "dialog"}, {Name: "Expires", Value: "600"}}
	if p.contact != "" {
		fields = append(fields, ladder.Field{Name: "Contact", Value: p.contact})
	}
	if err := p.request(ladder.Request{Method: "SUBSCRIBE", Target: target, Fields: fields}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *rawPhone) end() {
	p.ladderPhone.hangUp()
	for _, f := range p.faults {
		p.t.Errorf("the raw phone: %s", f)
	}
}

// hangUp closes the phone's connection; numbers may skip from then on.
func (p *rawPhone) hangUp() {
	p.ladderPhone.hangUp()
	p.crashed()
}

// shows waits for a lamp, answering every NOTIFY, and returns the NOTIFY.
func (p *rawPhone) shows(want device.State) *siptest.Message {
	p.t.Helper()
	return p.until("lamp "+want.String(), func(m *siptest.Message) bool {
		l, err := siptest.ReadLamp(m.Get("Content-Type"), m.Body)
		return err == nil && l.State == want
	})
}

// responds waits for the answer to a SUBSCRIBE.
func (p *rawPhone) responds(status int) {
	p.t.Helper()
	p.until(fmt.Sprint(status), func(m *siptest.Message) bool { return m.Code == status })
}

func (p *rawPhone) until(what string, ok func(*siptest.Message) bool) *siptest.Message {
	p.t.Helper()
	var seen []string
	for end := time.Now().Add(lampTime); time.Now().Before(end); {
		m, arrived := p.next()
		if m == nil {
			select {
			case <-arrived:
			case <-time.After(time.Until(end)):
			}
			continue
		}
		seen = append(seen, m.Summary())
		if !m.IsResponse() {
			if err := p.reply(p.t.Context(), ladder.Reply{Status: 200}); err != nil {
				p.t.Fatal(err)
			}
		}
		if ok(m) {
			return m
		}
	}
	p.t.Fatalf("the raw phone waits for %s; it saw %q", what, seen)
	return nil
}
