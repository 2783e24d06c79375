//go:build pbx && linux

package bridge_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// sippPhone is sipp as phone 1001 behind the NAT, which watches 1002. It goes through its
// scenario and, where that says so, waits to be told to go on: the test is the twin of its
// third party call control.
type sippPhone struct {
	*client
	twin  net.Conn
	said  *bufio.Reader
	word  map[string]string // what it said last, by header
	trace string            // the file of what it sent and received
}

// sippPhone starts one that will call a target.
func (o *softOffice) sippPhone(transport, target string) *sippPhone {
	t, dir := o.t, o.t.TempDir()
	t.Helper()
	l, err := net.Listen("tcp", o.nat.Public.String()+":0")
	o.must(err)
	defer l.Close()
	p := &sippPhone{trace: filepath.Join(dir, "messages")}
	args := []string{
		o.at[transport], "-sf", sippScenario(t, "phone"), "-oocsf", sippScenario(t, "answer"), "-aa", "-3pcc", l.Addr().String(),
		"-i", o.nat.Inside.String(), "-t", map[string]string{"UDP": "u1", "TCP": "t1"}[transport], "-m", "1", "-nostdin",
		"-au", "1001", "-ap", "pw1001", "-key", "user", "1001", "-key", "watched", "1002", "-key", "target", target,
		"-timeout", "100s", "-timeout_error", "-trace_msg", "-message_file", p.trace, "-trace_err", "-error_file", filepath.Join(dir, "errors"),
	}
	p.client = run(t, o.nat.Command("sipp", args...), nil)
	t.Cleanup(func() {
		for _, file := range []string{"messages", "errors"} {
			if text, err := os.ReadFile(filepath.Join(dir, file)); t.Failed() && err == nil {
				t.Logf("its %s:\n%s", file, text)
			}
		}
	})
	o.must(l.(*net.TCPListener).SetDeadline(time.Now().Add(20 * time.Second)))
	p.twin, err = l.Accept()
	o.must(err)
	t.Cleanup(func() { _ = p.twin.Close() })
	p.said = bufio.NewReader(p.twin)
	return p
}

// says waits until the scenario has come to a word.
func (p *sippPhone) says(word string) {
	p.t.Helper()
	if err := p.twin.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		p.t.Fatal(err)
	}
	text, err := p.said.ReadString(27)
	p.word = map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ": "); ok {
			p.word[name] = value
		}
	}
	if err != nil || p.word["Says"] != word {
		p.t.Fatalf("sipp says %q (%v), want %s", text, err, word)
	}
}

// next lets the scenario go on.
func (p *sippPhone) next() {
	p.t.Helper()
	if _, err := fmt.Fprintf(p.twin, "Call-ID: %s\r\n\r\n\x1b", p.word["Call-ID"]); err != nil {
		p.t.Fatal(err)
	}
}

// sippBye hangs up over a new TCP connection: sipp 3.6 drops the calls of one that it lost.
func (o *softOffice) sippBye(held map[string]string) {
	o.t.Helper()
	c := o.nat.Command("timeout", "20", "sipp", o.at["TCP"], "-sf", sippScenario(o.t, "bye"), "-i", o.nat.Inside.String(), "-t", "t1", "-m", "1", "-nostdin", "-cid_str", held["Call-ID"],
		"-key", "uri", held["URI"], "-key", "route", held["Route"], "-key", "from", held["From"], "-key", "to", held["To"])
	if out, err := c.CombinedOutput(); err != nil {
		o.t.Fatalf("%q: %v\n%s", c.Args, err, out)
	}
}

// sippLamp waits until the last body that came says a state.
func (o *softOffice) sippLamp(p *sippPhone, state string) {
	o.t.Helper()
	o.eventually(lampTime, "sipp to be told "+state, func() error {
		text, err := os.ReadFile(p.trace)
		o.must(err)
		at := strings.LastIndex(string(text), "<state>")
		if at < 0 || !strings.HasPrefix(string(text[at:]), "<state>"+state+"</state>") {
			return fmt.Errorf("%s", text[max(at, 0):])
		}
		return nil
	})
}

// TestSippPhone: sipp registers from behind a NAT, calls and is called, holds, watches and
// picks up through the edge, and its BYE passes when the bridge was killed in mid-call.
func TestSippPhone(t *testing.T) {
	t.Parallel()
	a := takeAsterisk(t, "clients")
	h := newHome(t, a, homeConfig{policy: softphonePolicy})
	o := &softOffice{home: h, a: a, bob: edgePhone(t, h.server, "1002", false), cat: edgePhone(t, h.server, "1003", false)}
	for _, transport := range []string{"UDP", "TCP"} {
		t.Run(transport, func(t *testing.T) {
			h.t = t
			var cancel context.CancelFunc
			o.ctx, cancel = context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			o.sipp(transport)
		})
	}
}

func (o *softOffice) sipp(transport string) {
	t, ctx := o.t, o.ctx
	var err error
	p := o.sippPhone(transport, "1002")
	p.says("watching")
	o.own, err = o.cat.Subscribe(ctx, siptest.SubscribeConfig{Target: "1001"})
	o.must(err)
	o.shows(device.Idle)
	o.sippLamp(p, "terminated")

	t.Log("it is called; the other side hangs up")
	c, err := o.bob.Dial(ctx, "1001")
	o.must(err)
	o.must(c.WaitAnswered(ctx))
	o.shows(device.Busy)
	o.sippLamp(p, "confirmed")
	o.must(c.Bye(ctx))
	o.shows(device.Idle)
	o.sippLamp(p, "terminated")

	t.Log("it calls and holds; the bridge is killed; its BYE passes")
	p.next()
	in := o.comes(o.bob)
	p.says("up")
	o.shows(device.Busy)
	o.joined(o.a, 1)
	p.next()
	p.says("held")
	o.held("Hold")
	o.kill()
	o.own.AllowGap() // not before: the last NOTIFY of the old process may come late
	o.start()
	o.must(o.cat.Register(ctx, 10*time.Minute))
	if transport == "UDP" {
		p.next()
		p.says("over")
	} else {
		o.sippBye(p.word)
	}
	o.must(in.WaitEnded(ctx))
	o.shows(device.Idle)

	t.Log("it picks up")
	p = o.sippPhone(transport, "*891002")
	p.says("watching")
	c = ring(t, o.cat, o.bob)
	o.sippLamp(p, "early")
	in, err = o.bob.Incoming(ctx)
	o.must(err)
	p.next()
	o.must(c.WaitAnswered(ctx))
	o.must(in.WaitEnded(ctx))
	p.says("up")
	o.shows(device.Busy)
	o.sippLamp(p, "terminated")
	o.joined(o.a, 1)
	p.next()
	p.says("held")
	p.next()
	o.must(c.WaitEnded(ctx))
	p.says("over")
	o.shows(device.Idle)
	if v := o.own.Violations(); len(v) > 0 {
		t.Errorf("the lamp: %s", siptest.Describe(v))
	}
	o.must(o.own.Unsubscribe(ctx))
}
