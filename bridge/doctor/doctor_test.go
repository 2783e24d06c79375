package doctor

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/config"
)

func examine(t *testing.T, change func(*config.Config)) (good bool, text string) {
	t.Helper()
	c := config.Defaults()
	p := config.DefaultPBX()
	p.Name, p.Type, p.Username, p.Password = "x", "asterisk", "blf", "secret"
	c.PBX = []config.PBX{p}
	change(c)
	var b strings.Builder
	d := &Doctor{Config: c, Timeout: 200 * time.Millisecond, Tell: func(f Finding) {
		if f.Result != OK && f.Fix == "" {
			t.Errorf("no fix: %+v", f)
		}
		fmt.Fprintf(&b, "%s %s: %s | %s\n", f.Result, f.Name, f.Detail, f.Fix)
	}}
	return d.Examine(t.Context()), b.String()
}

// TestLockedUp: the one fault of ARI that a real Asterisk cannot be brought to at will; the
// others are shown at a real one by the bridge's tests.
func TestLockedUp(t *testing.T) {
	ari := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ari/applications" {
			<-r.Context().Done()
			return
		}
		fmt.Fprint(w, `{"system":{"version":"22"}}`)
	}))
	defer ari.Close()
	if good, text := examine(t, func(c *config.Config) { c.PBX[0].URL = ari.URL }); good || !strings.Contains(text, "failed pbx x: ARI lock-up") {
		t.Error(text)
	}
	if good, text := examine(t, func(c *config.Config) { c.SIP.Advertise = "127.0.0.1"; c.PBX = nil }); good || !strings.Contains(text, "failed advertised address") {
		t.Error(text)
	}
}

func TestFreeSWITCH(t *testing.T) {
	for name, c := range map[string]struct{ hello, reply, want string }{
		"well":     {"Content-Type: auth/request\n\n", "Content-Type: command/reply\nReply-Text: +OK <profile>\n\n", "ok pbx x: rights"},
		"password": {"Content-Type: auth/request\n\n", "Content-Type: command/reply\nReply-Text: -ERR invalid\n\n", "failed pbx x: credentials"},
		"access":   {"Content-Type: text/rude-rejection\n\n", "", "failed pbx x: event socket"},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			s, err := l.Accept()
			if err != nil {
				return
			}
			defer s.Close()
			fmt.Fprint(s, c.hello)
			buf := make([]byte, 1024)
			for {
				if _, err := s.Read(buf); err != nil {
					return
				}
				fmt.Fprint(s, c.reply)
			}
		}()
		_, text := examine(t, func(cfg *config.Config) { cfg.PBX[0].Type, cfg.PBX[0].Address = "freeswitch", l.Addr().String() })
		if !strings.Contains(text, c.want) {
			t.Errorf("%s:\n%s", name, text)
		}
		l.Close()
		<-done
	}
}
