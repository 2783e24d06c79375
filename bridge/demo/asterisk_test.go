//go:build pbx

package demo

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"blfbridge/bridge/siptest/lab"
)

var record = flag.Bool("record", false, "write recording/story.jsonl")

// The demo on a real Asterisk makes no mistake; with -record it is recorded.
func TestAsterisk(t *testing.T) {
	a := lab.Asterisk{Scripts: "../../scripts/pbx/asterisk", Name: "demotest", SIPPort: 15810, HTTPPort: 18810, RTP: "19700-19798"}
	addr, err := a.Up(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Down(context.Background(), false); err != nil {
			t.Error(err)
		}
	})
	out := &output{}
	o := Options{
		Source: source, Asterisk: addr.ARI, User: lab.ARIUser, Password: lab.ARIPassword, SIP: addr.SIP, Plain: true, Out: out,
	}
	if *record {
		rec := startRecorder(t, addr.ARI)
		o.onStep = func(say string) { rec.write("mark", say) }
		defer rec.save(t, "recording/story.jsonl")
	}
	err = Run(t.Context(), o)
	t.Log(out)
	if err != nil {
		t.Error(err)
	}
}

// recorder writes what an event socket says, in the form of adapters/ari/testdata.
type recorder struct {
	base string
	conn *websocket.Conn
	wg   sync.WaitGroup

	mu    sync.Mutex // guards lines
	lines []recordLine
}

type recordLine struct {
	at   time.Time
	mark bool
	text string
}

// recordApp is the name that a replayed Asterisk puts the client's own name for.
const (
	recordApp     = "blf"
	recordDevices = "deviceState:"
	recordAll     = "channel:,endpoint:," + recordDevices
)

func startRecorder(t *testing.T, base string) *recorder {
	t.Helper()
	header := http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(lab.ARIUser+":"+lab.ARIPassword))}}
	conn, _, err := websocket.Dial(t.Context(), strings.Replace(base, "http", "ws", 1)+"/events?app="+recordApp, &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(-1)
	r := &recorder{base: base, conn: conn}
	r.subscription(t, http.MethodPost, recordAll)
	r.wg.Go(func() {
		for {
			_, data, err := conn.Read(context.Background())
			if err != nil {
				return
			}
			var e struct{ Type string }
			if json.Unmarshal(data, &e) == nil && e.Type != "ChannelVarset" && e.Type != "ChannelDialplan" {
				r.write("event", json.RawMessage(data))
			}
		}
	})
	return r
}

func (r *recorder) subscription(t *testing.T, method, sources string) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, r.base+"/applications/"+recordApp+"/subscription?eventSource="+sources, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(lab.ARIUser, lab.ARIPassword)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
}

func (r *recorder) write(key string, value any) {
	at := time.Now().UTC()
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // our own strings, and JSON that was just read
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	text = fmt.Appendf(nil, `{"recv":%q,%q:%s}`+"\n", at.Format("2006-01-02T15:04:05.000000Z"), key, text)
	r.lines = append(r.lines, recordLine{at, key == "mark", string(text)})
}

// save ends the recording as an Asterisk 22 wants it (unsubscribed before the close) and
// writes what came from the first mark on, without what followed the story's last step.
func (r *recorder) save(t *testing.T, path string) {
	r.subscription(t, http.MethodDelete, recordDevices) // one a request
	if err := r.conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
	r.wg.Wait()
	http.DefaultClient.CloseIdleConnections()
	first, end := -1, time.Time{}
	for i, l := range r.lines {
		if l.mark {
			end = l.at.Add(story[len(story)-1].pause)
			if first < 0 {
				first = i
			}
		}
	}
	if first < 0 {
		t.Error("the story did not begin")
		return
	}
	var text strings.Builder
	for _, l := range r.lines[first:] {
		if l.at.Before(end) { // afterwards the phones leave
			text.WriteString(l.text)
		}
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
		t.Error(err)
	}
}
