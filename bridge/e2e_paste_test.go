//go:build pbx

package bridge_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

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
		{`(?m)^(allow_subscribe = yes)$`, "$1\nrewrite_contact = yes ; as phones behind NAT had it\nforce_rport = no"},
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

// TestPasteAsterisk: an Asterisk that knows nothing of blfbridge, and what pbx-config
// prints: phones behind the edge register, call, are called, light lamps and pick up, over
// UDP, TCP and WebSocket, with both ways to pick up; doctor finds nothing wrong. Before the
// paste it says what to do.
func TestPasteAsterisk(t *testing.T) {
	t.Parallel()
	for name, more := range map[string][]string{"native": nil, "dialplan": {"pickup: dialplan", `pickup_code: "*89"`}} {
		t.Run(name, func(t *testing.T) {
			b := newBare(t)
			ws := freePort(t)
			o := pickupPhones(t, b.front("office"))
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
			pasted(o, ws, "Path", "WebSocket")
		})
	}
}
