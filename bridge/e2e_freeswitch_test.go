//go:build live

package bridge_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"blfbridge/bridge/siptest"
)

// bareSwitch is a real FreeSWITCH of one test, with files that know nothing of blfbridge.
type bareSwitch struct {
	t             *testing.T
	program, conf string
	sip, esl      string // esl: where blfbridge is to find the event socket
	cmd           *exec.Cmd
	ended         chan error
}

// newBareSwitch makes its files; it does not run yet. program is the FreeSWITCH of whoever
// runs the test.
func newBareSwitch(t *testing.T, program string) *bareSwitch {
	t.Helper()
	b := &bareSwitch{t: t, program: program, conf: filepath.Join(t.TempDir(), "conf"), sip: freePort(t), esl: freePort(t)}
	if err := os.CopyFS(b.conf, os.DirFS("testdata/freeswitch")); err != nil {
		t.Fatal(err)
	}
	var vars strings.Builder
	first := 30100 + os.Getpid()*40%1600 // below what outgoing connections take, above freePort
	for k, v := range map[string]string{
		"sip_port": port(b.sip), "esl_port": port(freePort(t)), "rtp_first": fmt.Sprint(first), "rtp_last": fmt.Sprint(first + 400),
	} {
		fmt.Fprintf(&vars, "<X-PRE-PROCESS cmd=\"set\" data=\"%s=%s\"/>\n", k, v)
	}
	b.write("vars.xml", "<include>\n"+vars.String()+"</include>\n")
	t.Cleanup(b.stop)
	return b
}

func (b *bareSwitch) read(file string) string {
	b.t.Helper()
	text, err := os.ReadFile(filepath.Join(b.conf, file))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

func (b *bareSwitch) write(file, text string) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.conf, file), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// start starts it with its files as they are now, and waits until it answers SIP.
func (b *bareSwitch) start() {
	b.t.Helper()
	home := b.t.TempDir()
	b.cmd = exec.Command(b.program, "-nf", "-nc", "-np", "-nonat", "-conf", b.conf, "-log", home, "-db", home, "-run", home, "-storage", home, "-temp", home)
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	// One that is not installed where it was built for finds its libraries beside it.
	b.cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+filepath.Join(filepath.Dir(b.program), "../lib")+":"+os.Getenv("LD_LIBRARY_PATH"))
	if err := b.cmd.Start(); err != nil {
		b.t.Fatalf("%s: %v", b.program, err)
	}
	cmd, ended := b.cmd, make(chan error, 1)
	b.ended = ended
	go func() { ended <- cmd.Wait() }() // stop waits for it
	for end := time.Now().Add(time.Minute); !b.answers(); time.Sleep(100 * time.Millisecond) {
		select {
		case err := <-ended:
			b.cmd = nil
			b.t.Fatalf("FreeSWITCH has ended: %v", err)
		default:
		}
		if time.Now().After(end) {
			log, _ := os.ReadFile(filepath.Join(home, "freeswitch.log"))
			b.t.Fatalf("FreeSWITCH answers no OPTIONS at %s:\n%s", b.sip, log)
		}
	}
}

func (b *bareSwitch) answers() bool {
	p, err := siptest.NewPhone(siptest.Config{User: "test", Proxy: b.sip, Domain: "127.0.0.1", NoMedia: true, Timeout: time.Second})
	if err != nil {
		return false
	}
	defer p.Close()
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Second)
	defer cancel()
	res, _ := p.Do(ctx, "OPTIONS", "sip:"+b.sip, nil, nil)
	return res != nil
}

// stop is also the test's end.
func (b *bareSwitch) stop() {
	if b.cmd == nil {
		return
	}
	_ = b.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-b.ended:
	case <-time.After(20 * time.Second):
		_ = b.cmd.Process.Kill()
		<-b.ended
	}
	b.cmd = nil
}

func (b *bareSwitch) restart() { b.t.Helper(); b.stop(); b.start() }

// front is this FreeSWITCH behind an edge; more is added to its entry.
func (b *bareSwitch) front(more ...string) front {
	f := front{domain: "office.test", aliases: "office.test", settle: switchSettles}
	for i, n := range []string{"1001", "1002", "1003", "1004", "1006"} {
		f.users[i] = frontUser{n, "pw" + n}
	}
	f.yaml = "  - " + strings.Join(append([]string{
		"name: office", "type: freeswitch", "address: " + b.esl, `password: 'a-"long"<&secret'`, "sip: udp://" + b.sip,
	}, more...), "\n    ") + "\n"
	return f
}

// pastePart is a part of what pbx-config prints: the line that says where it goes, and the
// lines.
var pastePart = regexp.MustCompile(`(?s)<!-- === (.+?): (.+?)-->\n(.*?)\n\n`)

// paste does with a text what it says itself, and nothing else; but it leaves out what
// contains without, be it a line or what is said of the profile's lists.
func (b *bareSwitch) paste(text, without string) {
	b.t.Helper()
	parts := pastePart.FindAllStringSubmatch(text, -1)
	if len(parts) < 2 || len(parts) != strings.Count(text, "<!-- ===") {
		b.t.Fatalf("%d parts of\n%s", len(parts), text)
	}
	for _, m := range parts {
		where, how, lines := m[1], m[2], m[3]+"\n"
		if without != "" {
			lines = regexp.MustCompile(`(?m)^.*`+regexp.QuoteMeta(without)+`.*\n`).ReplaceAllString(lines, "")
		}
		file, _, _ := strings.Cut(where, ",")
		file = map[string]string{"directory/*.xml": "directory/default.xml", "sip_profiles/*.xml": "sip_profiles/internal.xml", "dialplan/*.xml": "dialplan/default.xml"}[file]
		change := func(form, to string) {
			b.t.Helper()
			old := b.read(file)
			at := regexp.MustCompile(form).FindAllStringIndex(old, -1)
			if len(at) == 0 {
				b.t.Fatalf("%s has no %s", file, form)
			}
			last := at[len(at)-1]
			b.write(file, old[:last[0]]+to+old[last[1]:])
		}
		how, _, _ = strings.Cut(how, ".")
		switch strings.TrimSpace(how) {
		case "this is all of it":
			b.write(where, lines)
		case "to the end of its users":
			change(`</users>`, lines+"</users>")
		case "to the end of its settings":
			for _, list := range []string{"apply-inbound-acl", "apply-register-acl"} {
				if list != without {
					change(`<param name="`+list+`".*\n`, "")
				}
			}
			change(`</settings>`, lines+"</settings>")
		case "to its beginning":
			change(`<context name="office">\n`, "<context name=\"office\">\n"+lines)
		case "before its bridge, with the number that it calls":
			change(`<action application="bridge"`, lines+`<action application="bridge"`)
		default:
			b.t.Fatalf("%s: %s: how is that to be pasted?", where, how)
		}
	}
}
