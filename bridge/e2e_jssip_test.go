//go:build pbx && linux

package bridge_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// jssip is JsSIP in node, as a page of the bridge's own host has it.
type jssip struct {
	*client
	o *softOffice
	n int // how far its output is read
}

func newJsSIP(o *softOffice, transport string) softphone {
	t := o.t
	script, err := filepath.Abs("testdata/jssip/phone.js")
	o.must(err)
	scheme := strings.ToLower(transport)
	cmd := o.nat.Command("node", script, scheme+"://"+o.at[transport], "sip:1001@127.0.0.1", "pw1001", "1002")
	p := &jssip{o: o, client: run(t, cmd, []string{
		"NODE_PATH=" + jssipModules(t), "NODE_EXTRA_CA_CERTS=" + o.ca.File, "ORIGIN=" + strings.Replace(scheme, "ws", "http", 1) + "://" + o.nat.Public.String(),
	})}
	p.hears("registered")
	return p
}

// hears waits for an event.
func (p *jssip) hears(event string) { p.t.Helper(); p.n = p.says(p.n, `"event":"`+event+`"`) }

func (p *jssip) dial(number string)     { p.in("dial " + number) }
func (p *jssip) rung()                  { p.t.Helper(); p.hears("rings") }
func (p *jssip) answer()                { p.in("answer") }
func (p *jssip) up()                    { p.t.Helper(); p.hears("up") }
func (p *jssip) hold()                  { p.in("hold") }
func (p *jssip) resume()                { p.in("resume") }
func (p *jssip) transfer(number string) { p.in("transfer " + number) }
func (p *jssip) consult(number string)  { p.in("consult " + number) }
func (p *jssip) attend()                { p.in("attend") }
func (p *jssip) left()                  { p.t.Helper(); p.hears("ended") }
func (p *jssip) hangUp()                { p.in("hangup") }

// again: it has found the connection broken, and made another.
func (p *jssip) again() {
	p.t.Helper()
	p.hears("disconnected")
	p.hears("registered")
}

// lamp reads the last NOTIFY.
func (p *jssip) lamp(want device.State) {
	p.t.Helper()
	p.o.eventually(lampTime, fmt.Sprintf("JsSIP to show 1002 %v", want), func() error {
		var last struct{ Lamp string }
		for line := range strings.Lines(p.text()) {
			if strings.HasPrefix(line, `{"lamp":`) && strings.HasSuffix(line, "\n") {
				if err := json.Unmarshal([]byte(line), &last); err != nil {
					return err
				}
			}
		}
		lamp, err := siptest.ReadLamp("application/dialog-info+xml", []byte(last.Lamp))
		if err == nil && lamp.State != want {
			err = fmt.Errorf("it is %v", lamp.State)
		}
		return err
	})
}

// TestJsSIPPhone: JsSIP does its office work through the edge from behind a NAT.
func TestJsSIPPhone(t *testing.T) {
	t.Parallel()
	softTrial{make: newJsSIP, transports: []string{"WS", "WSS"}}.run(t)
}
