//go:build pbx && linux

package bridge_test

import (
	"fmt"
	"strings"
	"testing"

	"blfbridge/bridge/device"
)

// baresip is baresip 1.0 without a sound card, driven by the keys of its menu. It has no
// attended transfer.
type baresip struct {
	*client
	o       *softOffice
	n       int // how far its output is read
	account string
	udp     bool
}

func newBaresip(o *softOffice, transport string) softphone {
	t, dir := o.t, o.t.TempDir()
	account := "<sip:1001@127.0.0.1>;auth_pass=pw1001;regint=600;outbound=\"sip:" + o.at[transport] + ";transport=" + strings.ToLower(transport) + "\""
	for file, text := range map[string]string{
		"config": "module_path /usr/lib/baresip/modules\nmodule stdio.so\nmodule g711.so\nmodule aubridge.so\n" +
			"module_app account.so\nmodule_app contact.so\nmodule_app presence.so\nmodule_app menu.so\n" +
			"audio_player aubridge,a\naudio_source aubridge,a\nsip_cafile " + o.ca.File + "\n",
		"accounts": account + "\n",
		"contacts": "\"Bob\" <sip:1002@127.0.0.1>;presence=p2p\n",
	} {
		o.write(dir+"/"+file, text)
	}
	cmd := o.nat.Command("baresip", "-f", dir, "-v")
	p := &baresip{client: run(t, cmd, nil), o: o, account: account, udp: transport == "UDP"}
	p.hears("200 OK", "[1 binding]")
	return p
}

func (p *baresip) hears(words ...string) { p.t.Helper(); p.n = p.says(p.n, words...) }

func (p *baresip) dial(number string)     { p.in("/dial " + number) }
func (p *baresip) rung()                  { p.t.Helper(); p.hears("(CALL_INCOMING)") }
func (p *baresip) up()                    { p.t.Helper(); p.hears("(CALL_ESTABLISHED)") }
func (p *baresip) answer()                { p.in("/accept") }
func (p *baresip) hold()                  { p.in("/hold") }
func (p *baresip) resume()                { p.in("/resume") }
func (p *baresip) transfer(number string) { p.in("/transfer " + number) }
func (p *baresip) left()                  { p.t.Helper(); p.hears("(CALL_CLOSED)") }
func (p *baresip) hangUp()                { p.in("/hangup") }

// again: over UDP there is nothing to do. A lost connection baresip finds with its next
// request, in ten minutes; it is given its account again instead.
func (p *baresip) again() {
	p.t.Helper()
	if p.udp {
		return
	}
	p.in("/rmmod presence.so")
	p.in("/uanew " + p.account)
	p.hears("200 OK", "[1 binding]")
	p.in("/insmod presence.so")
}

// lamp asks for the list of contacts. baresip knows no ringing: that is Busy too.
func (p *baresip) lamp(s device.State) {
	p.t.Helper()
	word := "Busy"
	if s == device.Idle {
		word = "Online"
	}
	p.o.eventually(lampTime, "baresip to show 1002 "+word, func() error {
		n := len(p.text())
		p.in("/contacts")
		p.says(n, "Bob <sip:1002@")
		line := p.text()[n:]
		if !strings.Contains(line, word) {
			return fmt.Errorf("%q", line)
		}
		return nil
	})
}

// TestBaresipPhone: baresip does its office work through the edge from behind a NAT.
func TestBaresipPhone(t *testing.T) {
	t.Parallel()
	softTrial{make: newBaresip, transports: []string{"UDP", "TCP", "TLS"}}.run(t)
}
