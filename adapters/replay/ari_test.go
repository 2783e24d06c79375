package replay

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

const ariRecording = `
{"recv":"2026-11-22T18:22:12.000Z","event":{"type":"DeviceStateChanged","application":"blf","device_state":{"name":"PJSIP/1001","state":"NOT_INUSE"}}}
{"recv":"2026-11-22T18:22:13.000Z","mark":"1001 INVITE 600"}
{"recv":"2026-11-22T18:22:13.100Z","event":{"type":"ChannelCreated","application":"blf","channel":{"id":"1.0","name":"PJSIP/1001-00000000","state":"Ring"}}}
{"recv":"2026-11-22T18:22:13.200Z","event":{"type":"DeviceStateChanged","application":"blf","device_state":{"name":"PJSIP/1001","state":"INUSE"}}}
{"recv":"2026-11-22T18:22:14.000Z","mark":"1001 BYE"}
{"recv":"2026-11-22T18:22:15.000Z","event":{"type":"ChannelDestroyed","application":"blf","channel":{"id":"1.0","name":"PJSIP/1001-00000000","state":"Up"}}}
`

func readARI(t *testing.T, text string) *ARIRecording {
	t.Helper()
	rec, err := ReadARI(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func TestReadARI(t *testing.T) {
	rec := readARI(t, ariRecording)
	if len(rec.Steps) != 6 || rec.Steps[1].Mark != "1001 INVITE 600" || rec.Steps[2].About != "PJSIP/1001-00000000 Ring" {
		t.Errorf("read as %+v", rec.Steps)
	}
	if i := rec.Find("DeviceStateChanged", "PJSIP/1001=", 2); i != 3 {
		t.Errorf("the second device state is step %d, want 3", i)
	}
	if i := rec.Find("DeviceStateChanged", "PJSIP/1001=", 3); i != -1 {
		t.Errorf("a third device state is step %d", i)
	}
	for text, says := range map[string]string{
		"":                          "empty",
		"{}":                        "line 1",
		`{"mark":"a","event":{}}`:   "line 1",
		"{\"mark\":\"a\"}\nbroken":  "line 2",
		`{"event":[]}`:              "line 1",
		`{"recv":"now","mark":"a"}`: "line 1",
	} {
		if _, err := ReadARI(strings.NewReader(text)); !errors.Is(err, ErrARIRecording) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q gives %v, want one that says %q", text, err, says)
		}
	}
}

// ariClient asks a served recording.
type ariClient struct {
	t   *testing.T
	url string
}

func serveARI(t *testing.T, cfg ARIConfig) (*ARI, *ariClient) {
	t.Helper()
	a := NewARI(cfg)
	srv := httptest.NewServer(a)
	t.Cleanup(srv.Close)
	t.Cleanup(a.Cut)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return a, &ariClient{t, srv.URL + "/ari"}
}

func (c *ariClient) do(method, path string) (int, string) {
	c.t.Helper()
	req, err := http.NewRequest(method, c.url+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	req.SetBasicAuth("blf", "secret")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// The answers are those of a real Asterisk 22.10.1, word for word where they are short.
func TestARIAnswers(t *testing.T) {
	a, c := serveARI(t, ARIConfig{
		Recording: readARI(t, ariRecording), Username: "blf", Password: "secret",
		Start: map[string]string{"PJSIP/1001": "UNAVAILABLE"}, Endpoints: []string{"PJSIP/1002"},
		Variables: map[string]map[string]string{"1.0": {"CHANNEL(pjsip,local_tag)": "abc"}},
	})
	check := func(method, path string, code int, body string) {
		t.Helper()
		if got, text := c.do(method, path); got != code || !strings.Contains(text, body) {
			t.Errorf("%s %s answers %d %s, want %d %s", method, path, got, text, code, body)
		}
	}
	check("GET", "/deviceStates/PJSIP%2F1001", 200, `{"name":"PJSIP/1001","state":"UNAVAILABLE"}`)
	check("GET", "/endpoints", 200, `{"technology":"PJSIP","resource":"1001","state":"offline","channel_ids":[]}`)
	check("GET", "/deviceStates/PJSIP/1001", 404, `{"message":"Resource not found"}`)
	check("GET", "/deviceStates/PJSIP%2F9999", 200, `{"name":"PJSIP/9999","state":"INVALID"}`)
	check("GET", "/channels", 200, `[]`)
	check("GET", "/applications/blf", 404, `{"message":"Application not found"}`)
	check("POST", "/applications/blf/subscription?eventSource=deviceState:", 404, `{"message":"Application not found"}`)
	a.Next() // what comes before the first mark
	a.Next() // INVITE
	check("GET", "/deviceStates/PJSIP%2F1001", 200, `"INUSE"`)
	check("GET", "/endpoints", 200, `"channel_ids":["1.0"]`)
	check("GET", "/channels", 200, `"PJSIP/1001-00000000"`)
	check("GET", "/channels/1.0/variable?variable=CHANNEL(pjsip,local_tag)", 200, `{"value":"abc"}`)
	check("GET", "/channels/1.0/variable?variable=CHANNEL(pjsip,nothing)", 500, `{"message":"Unable to read provided function"}`)
	check("GET", "/channels/2.0/variable?variable=CHANNEL(pjsip,local_tag)", 404, `{"message":"Channel not found"}`)
	a.Next() // BYE
	check("GET", "/channels", 200, `[]`)
	if mark, ok := a.Next(); ok {
		t.Errorf("after the end there is %q", mark)
	}
	a.Rewind()
	check("GET", "/deviceStates/PJSIP%2F1001", 200, `"UNAVAILABLE"`)
	c.url = strings.Replace(c.url, "//", "//nobody:wrong@", 1)
	req, _ := http.NewRequest(http.MethodGet, c.url+"/asterisk/info", nil)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 401 {
		t.Errorf("a wrong password is answered %d", resp.StatusCode)
	}
}

// listen opens an event socket and returns the types it gets, until it ends.
func (c *ariClient) listen(query string) (<-chan string, *websocket.Conn) {
	c.t.Helper()
	conn, _, err := websocket.Dial(context.Background(), c.url+"/events?app=test"+query,
		&websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Basic YmxmOnNlY3JldA=="}}})
	if err != nil {
		c.t.Fatal(err)
	}
	types, done := make(chan string, 100), make(chan struct{})
	c.t.Cleanup(func() {
		conn.CloseNow() // the server may have done so
		<-done
	})
	go func() {
		defer close(done)
		defer close(types)
		for {
			_, data, err := conn.Read(context.Background())
			if err != nil {
				return
			}
			var e ariEvent
			if err := json.Unmarshal(data, &e); err != nil {
				types <- err.Error()
			}
			types <- e.Type + " " + e.about()
		}
	}()
	return types, conn
}

func collect(types <-chan string) []string {
	var out []string
	for s := range types {
		out = append(out, s)
	}
	return out
}

func TestARIDropAndSwap(t *testing.T) {
	rec := readARI(t, ariRecording)
	a, c := serveARI(t, ARIConfig{Recording: rec})
	types, _ := c.listen("&subscribeAll=true")
	a.Drop(0)
	a.Swap(2, 3)
	if err := a.Play(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	a.Cut()
	want := []string{"DeviceStateChanged PJSIP/1001=INUSE", "ChannelCreated PJSIP/1001-00000000 Ring", "ChannelDestroyed PJSIP/1001-00000000 Up"}
	if got := collect(types); !slices.Equal(got, want) {
		t.Errorf("sent %q, want %q", got, want)
	}
	if code, text := c.do("GET", "/deviceStates/PJSIP%2F1001"); code != 200 || !strings.Contains(text, "INUSE") {
		t.Errorf("REST shows %s", text)
	}
}

// Nothing is sent that was not subscribed to, and a second socket takes the application
// with its subscriptions.
func TestARISubscriptionsAndReplaced(t *testing.T) {
	a, c := serveARI(t, ARIConfig{Recording: readARI(t, ariRecording)})
	first, _ := c.listen("")
	a.Next()
	if code, text := c.do("POST", "/applications/test/subscription?eventSource=channel:"); code != 200 || !strings.Contains(text, "__AST_CHANNEL_ALL_TOPIC") {
		t.Errorf("%d %s", code, text)
	}
	if code, _ := c.do("POST", "/applications/test/subscription?eventSource=hint:1001"); code != 400 {
		t.Errorf("a hint is answered %d, want 400", code)
	}
	a.Next()
	second, conn := c.listen("")
	a.Next()
	if got := <-second; got != "ChannelDestroyed PJSIP/1001-00000000 Up" {
		t.Errorf("the second socket got %q", got)
	}
	if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
	if got := collect(second); len(got) != 0 {
		t.Errorf("the second socket got %q too", got)
	}
	for _, want := range []string{"ChannelCreated PJSIP/1001-00000000 Ring", "ApplicationReplaced "} {
		if got := <-first; got != want {
			t.Errorf("the first socket got %q, want %q", got, want)
		}
	}
}

func TestARIPace(t *testing.T) {
	for factor, want := range map[float64]time.Duration{1: 3 * time.Second, 10: 300 * time.Millisecond, 0: 0} {
		synctest.Test(t, func(t *testing.T) {
			a := NewARI(ARIConfig{Recording: readARI(t, ariRecording)})
			began := time.Now()
			if err := a.Play(t.Context(), factor); err != nil || time.Since(began) != want {
				t.Errorf("at factor %v it took %v (%v), want %v", factor, time.Since(began), err, want)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			a.Rewind()
			if err := a.Play(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a cancelled play returns %v", err)
			}
		})
	}
}
