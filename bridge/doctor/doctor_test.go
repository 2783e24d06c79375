package doctor

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
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

// TestAsterisk: each way in which ARI can be wrong is named; the real one is asked in the
// bridge's own tests.
func TestAsterisk(t *testing.T) {
	var mu sync.Mutex // guards answers: a request of the case before may still be on its way
	answers := map[string]int{}
	ari := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pass, _ := r.BasicAuth(); pass != "secret" {
			w.WriteHeader(401)
			return
		}
		mu.Lock()
		status := answers[r.URL.Path]
		mu.Unlock()
		switch {
		case status == 1:
			<-r.Context().Done()
		case status != 0:
			w.WriteHeader(status)
		case strings.HasSuffix(r.URL.Path, "/blfbridge"):
			fmt.Fprint(w, `{"events_allowed":[{"type":"Dial"}]}`)
		case strings.HasSuffix(r.URL.Path, ".so"):
			fmt.Fprint(w, `{"status":"Running"}`)
		default:
			fmt.Fprint(w, `{"system":{"version":"22"}}`)
		}
	}))
	defer ari.Close()
	for name, c := range map[string]struct {
		change func(*config.Config)
		path   string
		status int
		good   bool
		want   string
	}{
		"well":        {nil, "", 0, true, "ok pbx x: pickup"},
		"password":    {func(c *config.Config) { c.PBX[0].Password = "wrong" }, "", 0, false, "failed pbx x: credentials"},
		"nobody":      {func(c *config.Config) { c.PBX[0].URL = "http://127.0.0.1:1" }, "", 0, false, "failed pbx x: ARI"},
		"locked up":   {nil, "/ari/applications", 1, false, "failed pbx x: ARI lock-up"},
		"read only":   {nil, "/ari/asterisk/variable", 403, false, "failed pbx x: rights"},
		"no server":   {nil, "/ari/applications/blfbridge", 404, true, "warning pbx x: events"},
		"no Replaces": {nil, "/ari/asterisk/modules/res_pjsip_refer.so", 404, false, "failed pbx x: pickup"},
		"advertised":  {func(c *config.Config) { c.SIP.Advertise = "127.0.0.1" }, "", 0, false, "failed advertised address"},
	} {
		mu.Lock()
		clear(answers)
		answers[c.path] = c.status
		mu.Unlock()
		good, text := examine(t, func(cfg *config.Config) {
			cfg.PBX[0].URL = ari.URL
			if c.change != nil {
				c.change(cfg)
			}
		})
		if good != c.good || !strings.Contains(text, c.want) {
			t.Errorf("%s: %v\n%s", name, good, text)
		}
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
