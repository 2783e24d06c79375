package bridge_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"blfbridge/bridge/siptest"
	"blfbridge/bridge/siptest/ladder"
)

// schemaFiles are those that the bodies of NOTIFYs must follow.
var schemaFiles = map[string]string{
	"application/dialog-info+xml": "eventpkg/testdata/schema/dialog-info.xsd",
	"application/pidf+xml":        "eventpkg/testdata/schema/presence.xsd",
}

// ladderDriver carries a ladder out on a whole bridge: in virtual time with a network in
// memory, or on real sockets.
type ladderDriver struct {
	*world
	transport string
	schemas   *siptest.Schemas
	phones    map[string]*ladderPhone
}

var _ ladder.Driver = (*ladderDriver)(nil)

func (d *ladderDriver) virtual() bool { return d.net != nil }

// began starts the bridge with the first line that needs it.
func (d *ladderDriver) began() error {
	if d.b != nil {
		return nil
	}
	if err := d.start(); err != nil {
		return err
	}
	d.settle()
	return nil
}

// settle lets everything under way arrive; in virtual time that includes the groups
// that the store gathers for some milliseconds.
func (d *ladderDriver) settle() {
	if d.virtual() {
		time.Sleep(30 * time.Millisecond)
		synctest.Wait()
	}
}

func (d *ladderDriver) phone(name string) *ladderPhone {
	if p := d.phones[name]; p != nil {
		return p
	}
	server := d.addr(d.transport)
	p := newLadderPhone(name, server.String(), d.transport, func() (ladderWire, error) {
		any := netip.MustParseAddrPort("127.0.0.1:0")
		switch {
		case d.virtual():
			return &packetWire{PacketConn: d.net.listen(any), peer: net.UDPAddrFromAddrPort(server)}, nil
		case d.transport == "TCP":
			c, err := net.Dial("tcp", server.String())
			return streamWire{c, bufio.NewReader(c)}, err
		case d.transport != "UDP":
			w, err := siptest.DialWire(siptest.Dial{Transport: d.transport, Addr: server.String(), TLS: d.trust})
			return wholeWire{w}, err
		}
		c, err := net.ListenPacket("udp", any.String())
		return &packetWire{PacketConn: c, peer: net.UDPAddrFromAddrPort(server)}, err
	})
	d.phones[name] = p
	return p
}

// Request implements ladder.Driver.
func (d *ladderDriver) Request(_ context.Context, phone string, r ladder.Request) error {
	if err := d.began(); err != nil {
		return err
	}
	return d.phone(phone).request(r)
}

// Reply implements ladder.Driver.
func (d *ladderDriver) Reply(ctx context.Context, phone string, r ladder.Reply) error {
	return d.phone(phone).reply(ctx, r)
}

// Next implements ladder.Driver.
func (d *ladderDriver) Next(_ context.Context, phone string) (*siptest.Message, error) {
	d.settle()
	m, arrived := d.phone(phone).next()
	for end := time.After(5 * time.Second); m == nil; {
		if d.virtual() {
			return nil, ladder.ErrNothing
		}
		select {
		case <-arrived:
		case <-end:
			return nil, ladder.ErrNothing
		}
		m, arrived = d.phone(phone).next()
	}
	if kind := m.Get("Content-Type"); len(m.Body) > 0 {
		d.schemas.Add(kind, m.Body, d.t.Name())
	}
	return m, nil
}

// PBX implements ladder.Driver.
func (d *ladderDriver) PBX(_ context.Context, p ladder.PBX) error {
	d.pbx.report(p)
	d.settle()
	return nil
}

// Advance implements ladder.Driver.
func (d *ladderDriver) Advance(_ context.Context, by time.Duration) error {
	time.Sleep(by)
	synctest.Wait()
	return nil
}

// Do implements ladder.Driver.
func (d *ladderDriver) Do(_ context.Context, words []string) error {
	if words[0] == "policy" {
		if d.b != nil {
			d.settle()
		}
		return d.policy(words[1])
	}
	switch words[1] {
	case "set":
		return d.set(words[2:])
	case "starts":
		return d.began()
	case "restarts":
		d.settle()
		if err := d.stop(); err != nil {
			return err
		}
		return d.began()
	case "stops":
		return d.stop()
	case "crashes":
		d.settle()
		if err := d.crash(); err != nil {
			return err
		}
		for _, p := range d.phones {
			p.crashed()
		}
		return d.began()
	case "repeats":
		return d.repeats(words[2])
	case "loses":
		d.phone(words[2]).hangUp()
		return d.until("blfbridge_sip_connections", 0)
	case "quiet":
		return d.quiet(words[2])
	}
	return fmt.Errorf("the bridge cannot %q", words[1:])
}

// repeats checks how many retransmissions came since it was last asked.
func (d *ladderDriver) repeats(word string) error {
	want, err := strconv.Atoi(word)
	if err != nil {
		return err
	}
	d.settle()
	got := 0
	for _, p := range d.phones {
		p.mu.Lock()
		got += p.repeats
		p.repeats = 0
		p.mu.Unlock()
	}
	if got != want {
		return fmt.Errorf("%d retransmissions came, want %d", got, want)
	}
	return nil
}

// until waits for the value of a metric.
func (d *ladderDriver) until(metric string, want float64) error {
	var got float64
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if got = metricOf(d.t, d.b.Gatherer(), metric); got == want {
			return nil
		}
	}
	return fmt.Errorf("%s is %v, want %v", metric, got, want)
}

// quiet checks, on real sockets, that nothing comes for a while.
func (d *ladderDriver) quiet(phone string) error {
	time.Sleep(100 * time.Millisecond)
	if m, _ := d.phone(phone).next(); m != nil {
		return fmt.Errorf("%w: want nothing, got %s", ladder.ErrMismatch, m)
	}
	return nil
}

// end stops everything and reports what no ladder allows.
func (d *ladderDriver) end() {
	d.settle()
	for name, p := range d.phones {
		for m, _ := p.next(); m != nil; m, _ = p.next() {
			d.t.Errorf("phone %s got a message that no line expects:\n%s", name, m)
		}
		if p.last != nil && !d.virtual() {
			_ = p.reply(context.Background(), ladder.Reply{Status: 200}) // or the bridge waits for it
		}
		p.hangUp()
		for _, f := range p.faults {
			d.t.Errorf("phone %s: %s", name, f)
		}
	}
	if err := d.stop(); err != nil {
		d.t.Errorf("the bridge ended with: %v", err)
	}
	if d.t.Failed() {
		d.t.Logf("the bridge's log:\n%s", d.log)
	}
}

// runLadder runs one ladder with a fresh bridge.
func runLadder(t *testing.T, l ladder.Ladder, mem *memNet, transport string, schemas *siptest.Schemas) {
	d := &ladderDriver{
		world:     newWorld(t, mem, strings.ToLower(transport)+"://127.0.0.1:0"),
		transport: transport, schemas: schemas, phones: map[string]*ladderPhone{},
	}
	if transport == "TLS" || transport == "WSS" {
		d.secure()
	}
	defer d.end()
	if err := ladder.Run(t.Context(), l, d); err != nil {
		t.Error(err)
	}
}

func loadLadders(t *testing.T) []ladder.Ladder {
	t.Helper()
	all, err := ladder.Load(os.DirFS("testdata/ladders"), "*.txt")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func checkSchemas(t *testing.T, s *siptest.Schemas) {
	t.Helper()
	if s.Count() == 0 {
		t.Error("no body was seen at all")
	}
	invalid, err := s.Validate(t.Context(), schemaFiles)
	if err != nil {
		t.Fatalf("%v; run scripts/test, which installs xmllint", err)
	}
	for _, v := range invalid {
		t.Errorf("%s\n%s", v, v.Text)
	}
}

// overTCP marks the ladders that are about connections.
func overTCP(l ladder.Ladder) bool { return strings.HasPrefix(l.Name, "tcp_") }

// TestLadders runs every ladder in virtual time, on the whole bridge with the bolt store.
func TestLadders(t *testing.T) {
	var schemas siptest.Schemas
	for _, l := range loadLadders(t) {
		if overTCP(l) {
			continue
		}
		t.Run(strings.TrimSuffix(l.Name, ".txt"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { runLadder(t, l, newMemNet(), "UDP", &schemas) })
		})
	}
	checkSchemas(t, &schemas)
}

// TestLaddersOnSockets runs every ladder on real sockets, up to its first line that
// needs virtual time.
func TestLaddersOnSockets(t *testing.T) {
	var schemas siptest.Schemas
	t.Run("all", func(t *testing.T) {
		for _, transport := range []string{"UDP", "TCP", "TLS", "WS", "WSS"} {
			for _, l := range loadLadders(t) {
				if overTCP(l) && transport != "TCP" {
					continue
				}
				l = onSockets(l, transport)
				t.Run(transport+"/"+strings.TrimSuffix(l.Name, ".txt"), func(t *testing.T) {
					t.Parallel()
					runLadder(t, l, nil, transport, &schemas)
				})
			}
		}
	})
	checkSchemas(t, &schemas)
}

// onSockets is what of a ladder can be run in real time.
func onSockets(l ladder.Ladder, transport string) ladder.Ladder {
	l = l.UntilAdvance()
	steps := slices.Clone(l.Steps)
	for i, s := range steps {
		// A connection does not outlive its server: e2e_restart_test.go is about that.
		if s.Do != nil && (s.Do[1] == "crashes" || s.Do[1] == "repeats" || s.Do[1] == "restarts" && transport != "UDP") {
			steps = steps[:i]
			break
		}
		if s.Expect != nil && s.Expect.Nothing {
			// Real time would be waited for whatever may still come.
			steps[i].Expect, steps[i].Do = nil, []string{"bridge", "quiet", s.Phone}
		}
	}
	return ladder.Ladder{Name: l.Name, Steps: steps}
}
