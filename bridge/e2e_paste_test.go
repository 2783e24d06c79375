//go:build pbx

package bridge_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
	"blfbridge/bridge/siptest/lab"
)

// bare is a real Asterisk of one test: the lab's without anything that `blfbridge
// pbx-config` is to bring.
type bare struct {
	pbx
	t   *testing.T
	etc string
}

// stripped are the lines of the lab's files that concern blfbridge, and their replacement.
var stripped = map[string][][2]string{
	"modules.conf": {
		{`(?m)^load = (res_ari|res_stasis|app_stasis|res_http_websocket|res_websocket_client|res_pjsip_path|res_pjsip_nat|res_pjsip_caller_id|res_pjsip_refer|res_pjsip_transport_websocket|app_directed_pickup|func_dialplan).*\n`, ""},
	},
	"http.conf":       {{`(?s).*`, "[general]\nbindaddr = 127.0.0.1\n"}},
	"ari.conf":        {{`(?s).*`, "[general]\nenabled = no\n"}},
	"extensions.conf": {{`(?m)^exten => _\*89X.*\n same.*\n`, ""}},
	"features.conf":   {{`pickupexten.*`, ""}},
	"pjsip.conf": {
		{`\[udp\]\ntype.*\n.*\n.*\n`, ""},
		{`(?m)^(direct_media|rtp_symmetric|send_pai|support_path|call_group|pickup_group) .*\n`, ""},
		{`(?m)^(allow_subscribe = yes)$`, "$1\nrewrite_contact = yes ; as phones behind NAT had it"},
	},
}

// newBare makes its files; it does not run yet.
func newBare(t *testing.T) *bare {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../scripts/pbx/asterisk")); err != nil {
		t.Fatal(err)
	}
	a, err := lab.Fresh(dir, "paste")
	if err != nil {
		t.Fatal(err)
	}
	b := &bare{pbx: pbx{Asterisk: a}, t: t, etc: filepath.Join(dir, "etc")}
	for file, changes := range stripped {
		for _, c := range changes {
			text := b.read(file)
			without := regexp.MustCompile(c[0]).ReplaceAllString(text, c[1])
			if text == without {
				t.Fatalf("%s of the lab has no %q", file, c[0])
			}
			b.write(file, without)
		}
	}
	// `up` counts transports; the paste brings the one over UDP.
	up, err := os.ReadFile(filepath.Join(dir, "up"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "up"), []byte(strings.Replace(string(up), `")" = "$transports" ]`, `")" -ge 1 ]`, 1)), 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Remove(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *bare) read(file string) string {
	b.t.Helper()
	text, err := os.ReadFile(filepath.Join(b.etc, file))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

func (b *bare) write(file, text string) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.etc, file), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// yaml is its entry in a configuration.
func (b *bare) yaml(more ...string) string {
	return "  - " + strings.Join(append([]string{
		"name: office", "type: asterisk", fmt.Sprintf("url: http://127.0.0.1:%d", b.HTTPPort), "username: front-desk", "password: a-long-secret",
		fmt.Sprintf("sip: udp://127.0.0.1:%d", b.SIPPort),
	}, more...), "\n    ") + "\n"
}

// restart starts it with its files as they are now.
func (b *bare) restart() {
	b.t.Helper()
	b.stop(b.t, false)
	b.start(b.t)
}

// paste does with a text what its own comments say, and nothing else.
func (b *bare) paste(text string) {
	b.t.Helper()
	parts := regexp.MustCompile(`(?m)^; --- ([a-z]+\.conf)(.*)\n`)
	at := parts.FindAllStringSubmatchIndex(text, -1)
	if len(at) < 3 {
		b.t.Fatalf("the text names %d files:\n%s", len(at), text)
	}
	for i, m := range at {
		end := len(text)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		file, where, lines := text[m[2]:m[3]], text[m[4]:m[5]], text[m[1]:end]
		conf := splitSections(b.read(file))
		switch {
		case strings.Contains(where, "each section of type="):
			kind := regexp.MustCompile(`type=(\w+)`).FindStringSubmatch(where)[1]
			found := 0
			for j := range conf { // the lab's phones have a template for each type
				if regexp.MustCompile(`(?m)^type *= *`+kind+`$`).MatchString(conf[j].body) && conf[j].template {
					conf[j].body += lines
					found++
				}
			}
			if found != 1 {
				b.t.Fatalf("%d templates of type=%s", found, kind)
			}
		case strings.Contains(where, "the context of the phones"):
			conf.add("office", "[office]", lines)
		default:
			for _, s := range splitSections(lines) {
				conf.add(s.name, s.head, s.body)
			}
		}
		var out strings.Builder
		for _, s := range conf {
			out.WriteString(s.head + s.body)
		}
		b.write(file, out.String())
	}
}

// section is one of a file; the first has no name.
type section struct {
	name, head, body string
	template         bool
}

type sections []section

var headForm = regexp.MustCompile(`(?m)^\[([^\]]+)\](.*)\n`)

func splitSections(text string) sections {
	at := headForm.FindAllStringSubmatchIndex(text, -1)
	if len(at) == 0 {
		return sections{{body: text}}
	}
	list := sections{{body: text[:at[0][0]]}}
	for i, m := range at {
		end := len(text)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		list = append(list, section{text[m[2]:m[3]], text[m[0]:m[1]], text[m[1]:end], strings.Contains(text[m[4]:m[5]], "!")})
	}
	return list
}

// add puts lines to the end of a section, or makes it.
func (s *sections) add(name, head, lines string) {
	if i := slices.IndexFunc(*s, func(x section) bool { return x.name == name }); i >= 0 {
		(*s)[i].body += "\n" + lines
		return
	}
	*s = append(*s, section{name: name, head: "\n" + strings.TrimSpace(head) + "\n", body: lines})
}

// command runs a command of the program with the server's configuration.
func (s *server) command(args ...string) (out string, err error) {
	s.t.Helper()
	cmd := exec.Command(build(s.t), append(args, "--config", s.path)...)
	var errs strings.Builder
	cmd.Stderr = &errs
	text, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, errs.String())
	}
	return string(text), err
}

// everywhere makes the server listen on every address, as it does by default.
func (s *server) everywhere() {
	s.t.Helper()
	text, err := os.ReadFile(s.path)
	if err != nil {
		s.t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(text), "]\n")
	s.write(s.path, strings.ReplaceAll(head, "//127.0.0.1:", "//0.0.0.0:")+"]\n"+rest)
}

// examine runs doctor and returns what it says, all of it good or not.
func (s *server) examine(args ...string) (good bool, text string) {
	s.t.Helper()
	out, err := s.command(append([]string{"doctor"}, args...)...)
	return err == nil && !strings.Contains(out, "warning "), out
}

// TestPasteAsterisk: an Asterisk that knows nothing of blfbridge, and what pbx-config
// prints: phones behind the edge register, call, are called, light lamps and pick up, over
// UDP, TCP and WebSocket, with both ways to pick up; doctor finds nothing wrong. Before the
// paste it says what to do.
func TestPasteAsterisk(t *testing.T) {
	for name, more := range map[string][]string{"native": nil, "dialplan": {"pickup: dialplan", `pickup_code: "*89"`}} {
		t.Run(name, func(t *testing.T) {
			b := newBare(t)
			ws := freePort(t)
			o := &pickupOffice{
				t: t, at: front{domain: "127.0.0.1"}, phones: map[string]*siptest.Phone{}, heard: map[string]*heard{},
				caller: "1001", boss: "1002", secretary: "1003", deputy: "1004", desk: "1006",
			}
			s := newServer(t, setup{store: newStorage(t, "bolt"), pbx: b.yaml(more...), listen: "ws://" + ws, more: edgeYAML, policy: o.policy()})
			o.s = s
			s.everywhere()
			b.start(t)
			s.run()
			if good, text := s.examine(); good || !strings.Contains(text, "pbx-config asterisk") {
				t.Errorf("before the paste doctor says\n%s", text)
			}
			text, err := s.command("pbx-config", "asterisk")
			if err != nil {
				t.Fatal(err)
			}
			b.paste(text)
			b.restart()
			s.ready()
			pasted(t, o, ws)
		})
	}
}

// pasted lets phones do what phones do.
func pasted(t *testing.T, o *pickupOffice, ws string) {
	ctx, s := t.Context(), o.s
	for number, over := range map[string]string{"1001": "UDP", "1002": "TCP", "1003": "WS", "1006": "UDP"} {
		proxy := s.udp
		if over == "WS" {
			proxy = ws
		}
		h := &heard{}
		p, err := siptest.NewPhone(siptest.Config{User: number, Password: "pw" + number, Proxy: proxy, Domain: "127.0.0.1", Transport: over, Trace: h.trace(t, number)})
		o.must(err)
		t.Cleanup(p.Close)
		o.must(p.Register(ctx, 10*time.Minute))
		o.phones[number], o.heard[number] = p, h
	}
	lamp := o.lamp("1003", "1002", "")
	lamp.shows(device.Idle)
	good, text := s.examine()
	if !good {
		t.Errorf("after the paste doctor says\n%s", text)
	}
	for _, kind := range []string{"Path", "pickup", "WebSocket", "sip udp://", "sip tcp://", "sip ws://", "dialog", "presence", "idle in"} {
		if !strings.Contains(text, kind) {
			t.Errorf("doctor says nothing of %s:\n%s", kind, text)
		}
	}
	for _, pair := range [][2]string{{"1001", "1002"}, {"1002", "1003"}, {"1003", "1001"}} {
		c := call(t, o.phones[pair[0]], o.phones[pair[1]])
		if pair[1] == "1002" || pair[0] == "1002" {
			lamp.shows(device.Busy)
		}
		o.must(c.Bye(ctx))
		lamp.shows(device.Idle)
	}
	caller := ring(t, o.phones["1001"], o.phones["1002"])
	callee, err := o.phones["1002"].Incoming(ctx)
	o.must(err)
	lamp.shows(device.Ringing)
	o.refused(403, "1006", "*891002")
	o.picks(caller, callee, "1003", "*891002")
	lamp.shows(device.Idle)
	if good, text := s.examine("--line", "1002", "--as", "1003"); !good {
		t.Errorf("doctor, as 1003:\n%s", text)
	}
}
