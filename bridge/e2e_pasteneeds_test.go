//go:build pbx

package bridge_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/siptest"
)

// pasteOffice is phones of an Asterisk behind the edge, over TCP, each of which says that it
// takes media where it does not, as behind NAT.
type pasteOffice struct {
	*edgeOffice
	heard map[*siptest.Phone]*heard
	want  bool // all works
}

// patience is how long what comes is awaited, and how long what does not.
func (o *pasteOffice) patience(comes bool) time.Duration {
	if comes {
		return callTime
	}
	return 3 * time.Second
}

func (o *pasteOffice) phone(number string) *siptest.Phone {
	o.t.Helper()
	h := &heard{}
	p := o.at.phone(o.t, o.s.udp, number, func(c *siptest.Config) {
		c.TCP, c.Trace, c.MediaAt = true, h.trace(o.t, number), "127.0.0.1:9"
	})
	o.heard[p] = h
	return p
}

// rings reports whether a phone that was called is.
func (o *pasteOffice) rings(p *siptest.Phone) bool {
	ctx, cancel := context.WithTimeout(o.t.Context(), o.patience(o.want))
	defer cancel()
	_, err := p.Incoming(ctx)
	return err == nil
}

// TestPasteNeeds: each line of pjsip.conf that pbx-config prints for phones is needed. With
// all of them everything works; a phone that lacks one, and has what Asterisk does without it
// or its administrator wrote, does not do what the line is for.
func TestPasteNeeds(t *testing.T) {
	t.Parallel()
	b := newBare(t)
	at := b.front("office")
	at.users[4] = frontUser{"1005", "pw1005"} // has two phones
	s := newServer(t, setup{store: newStorage(t, "bolt"), pbx: b.yaml(), more: edgeYAML})
	text, err := s.command("pbx-config", "asterisk")
	if err != nil {
		t.Fatal(err)
	}
	b.paste(text)
	// With the office's own options of Dial the media cannot leave Asterisk.
	b.write("extensions.conf", strings.Replace(b.read("extensions.conf"), "[office]\n", "[office]\nexten => 7004,1,Dial(PJSIP/1004)\n", 1))
	b.start(t)
	s.start()
	needs := []struct {
		section, lacks string
		// works tries what the line is for.
		works func(o *pasteOffice) bool
	}{
		{"[1002](place)", "support_path = no", func(o *pasteOffice) bool { // called where it registered
			p := o.phone("1002")
			c, err := o.phone("1001").Dial(t.Context(), p.User())
			o.must(err)
			defer c.HangUp(t.Context()) //nolint:errcheck // it may have ended
			return o.rings(p)
		}},
		{"[1005](phone)", "rewrite_contact = yes", func(o *pasteOffice) bool { // both phones of a line ring
			one, two := o.phone("1005"), o.phone("1005")
			c, err := o.phone("1001").Dial(t.Context(), one.User())
			o.must(err)
			defer c.HangUp(t.Context()) //nolint:errcheck
			return o.rings(two) && o.rings(one)
		}},
		{"[1004](phone)", "send_pai = no", func(o *pasteOffice) bool { // told who it talks to
			p := o.phone("1004")
			c, _ := talk(t, o.phone("1001"), p)
			o.must(c.Bye(t.Context()))
			return o.heard[p].has("INVITE sip:", "P-Asserted-Identity: \"Ann One\"")
		}},
		{"[1001](phone)", "rtp_symmetric = no", func(o *pasteOffice) bool { // hears
			p := o.phone("1001")
			c, _ := talk(t, o.phone("1002"), p)
			defer c.Bye(t.Context()) //nolint:errcheck
			return p.Hears(o.patience(o.want))
		}},
		{"[1003](phone)", "direct_media = yes", func(o *pasteOffice) bool { // media stays with the PBX
			p, other := o.phone("1003"), o.phone("1004")
			c, err := p.Dial(t.Context(), "7004")
			o.must(err)
			o.must(o.incoming(other).Answer())
			o.waits(c.WaitAnswered)
			direct := false // Asterisk offers the other's address by re-INVITE
			for end := time.Now().Add(o.patience(!o.want)); !direct && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
				direct = o.heard[p].has("INVITE sip:")
			}
			o.must(c.Bye(t.Context()))
			return !direct
		}},
	}
	try := func(want bool) {
		for _, n := range needs {
			t.Run(strings.ReplaceAll(n.lacks, " ", "")+map[bool]string{true: ", pasted over", false: ""}[want], func(t *testing.T) {
				o := &pasteOffice{&edgeOffice{t: t, s: s, at: at}, map[*siptest.Phone]*heard{}, want}
				if got := n.works(o); got != want {
					t.Errorf("it works: %v", got)
				}
				for p := range o.heard {
					o.must(p.Unregister(t.Context()))
				}
			})
		}
	}
	try(true)
	conf := b.read("pjsip.conf")
	for _, n := range needs {
		conf = strings.Replace(conf, n.section+"\n", n.section+"\n"+n.lacks+"\n", 1)
	}
	conf = strings.Replace(conf, "[1004](phone)\n", "[1004](phone)\ndirect_media = yes\n", 1) // both ends must want it
	b.write("pjsip.conf", conf)
	b.restart()
	s.ready()
	try(false)
}
