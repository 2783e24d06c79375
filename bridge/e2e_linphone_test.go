//go:build pbx && linux

package bridge_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/device"
)

// linphone is liblinphone 5.1 with its console, without a sound card, driven by its commands.
type linphone struct {
	*client
	o    *softOffice
	n    int // how far its output is read
	id   string
	past string // the call before, which waits
}

func newLinphone(o *softOffice, transport string) softphone {
	t, dir := o.t, o.t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, ".local/share/linphone"), 0o700); err != nil {
		t.Fatal(err) // without it liblinphone stops half-way and says nothing
	}
	// Its TLS library finds no addresses in a certificate, so it needs the name.
	o.write(filepath.Join(dir, "hosts"), o.nat.Public.String()+" "+homeName+"\n")
	_, port, _ := strings.Cut(o.at[transport], ":")
	edge := "sip:" + homeName + ":" + port + ";transport=" + strings.ToLower(transport)
	// Where the bridge is not back yet when it tries, it would try again in a minute.
	o.write(filepath.Join(dir, "rc"), "[sip]\ndefault_proxy=0\nsip_port=-1\nsip_tcp_port=-1\nsip_tls_port=-1\nroot_ca="+o.ca.File+"\nverify_server_certs=1\nverify_server_cn=1\nrefresher_retry_after=2000\n"+
		"[proxy_0]\nreg_proxy=<"+edge+">\nreg_route=<"+edge+";lr>\nreg_identity=\"Ann\" <sip:1001@127.0.0.1>\nreg_expires=600\nreg_sendregister=1\npublish=0\n"+
		"[auth_info_0]\nusername=1001\npasswd=pw1001\n"+
		"[friend_0]\nurl=\"Bob\" <sip:1002@127.0.0.1>\npol=accept\nsubscribe=1\n")
	cmd := o.nat.Command("unshare", "--mount", "sh", "-c", `mount --bind "$HOME/hosts" /etc/hosts && exec linphonec -c "$HOME/rc" -d 6 -l "$HOME/log"`)
	p := &linphone{client: run(t, cmd, []string{"HOME=" + dir}), o: o}
	t.Cleanup(func() {
		if log, err := os.ReadFile(filepath.Join(dir, "log")); t.Failed() && err == nil {
			t.Logf("its log ends with\n%s", log[max(0, len(log)-30000):])
		}
	})
	p.in("soundcard use files")
	p.hears("Friend", "is") // subscribes when it has registered
	return p
}

func (p *linphone) hears(words ...string) { p.t.Helper(); p.n = p.says(p.n, words...) }

var assigned = regexp.MustCompile(`assigned id (\d+)`)

// call remembers the newest call's number.
func (p *linphone) call(words string) {
	p.t.Helper()
	p.hears(words, "assigned id")
	all := assigned.FindAllStringSubmatch(p.text()[:p.n], -1)
	p.id = all[len(all)-1][1]
}

// dial waits for the end of the call before; linphone has one at a time.
func (p *linphone) dial(number string) {
	p.t.Helper()
	if p.id != "" {
		p.over(p.id)
	}
	p.invite(number)
}

func (p *linphone) invite(number string) {
	p.t.Helper()
	p.in("call sip:" + number + "@127.0.0.1")
	p.call("Establishing call id to")
}

// over waits for the end of a call.
func (p *linphone) over(id string) { p.t.Helper(); p.says(0, "Call "+id+" with ", " ended (") }

func (p *linphone) rung()   { p.t.Helper(); p.call("Receiving new incoming call") }
func (p *linphone) answer() { p.in("answer " + p.id) }
func (p *linphone) up()     { p.t.Helper(); p.hears("Media streams established", "for call "+p.id+" (") }
func (p *linphone) hold()   { p.in("pause") }
func (p *linphone) resume() { p.in("resume") }
func (p *linphone) transfer(number string) {
	p.in("transfer " + p.id + " sip:" + number + "@127.0.0.1")
}
func (p *linphone) left()   { p.t.Helper(); p.hears("Call ", " ended (") }
func (p *linphone) hangUp() { p.in("terminate " + p.id) }

func (p *linphone) consult(number string) {
	p.t.Helper()
	p.hold()
	p.hears("Call "+p.id, "is now paused")
	p.past = p.id
	p.invite(number)
}

func (p *linphone) attend() { p.in("transfer " + p.past + " --to-call " + p.id) }

// again: linphone notices a lost connection and registers by itself.
func (p *linphone) again() {
	p.t.Helper()
	p.o.eventually(20*time.Second, "linphone to register again", func() error {
		n := len(p.text())
		p.in("status register")
		p.says(n, "registered")
		if line := p.text()[n:]; !strings.Contains(line, "registered, identity") {
			return fmt.Errorf("%q", line)
		}
		return nil
	})
}

// lamp reads what the console says when a NOTIFY comes.
func (p *linphone) lamp(s device.State) {
	p.t.Helper()
	word := "On the phone"
	if s == device.Idle {
		word = "Online"
	}
	p.o.eventually(lampTime, "linphone to show 1002 "+word, func() error {
		last := ""
		for line := range strings.Lines(p.text()) {
			if strings.Contains(line, "Friend") {
				last = line
			}
		}
		if !strings.Contains(last, word) {
			return fmt.Errorf("%q", last)
		}
		return nil
	})
}

// TestLinphonePhone: linphone does its office work through the edge from behind a NAT.
func TestLinphonePhone(t *testing.T) {
	t.Parallel()
	softTrial{make: newLinphone, advertise: homeName, transports: []string{"TLS"}}.run(t)
}
