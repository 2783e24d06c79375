package ladder_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest/ladder"
)

const expiry = `
# a subscription that runs out
phone 201 -> SUBSCRIBE 101 Event:dialog Expires:600   # aligned at will
phone 201 <- 200       Expires:600
phone 201 <- NOTIFY active v=0 body=idle
pbx       -> 101 ringing from=102 name="Bob \"B\" Two"
phone 201 <- NOTIFY active v=1 body=ringing Contact:*
phone 201 -> 503 Retry-After:5
pbx       -> 101 dnd
pbx       -> down
advance 600s
phone 201 <- NOTIFY terminated reason=timeout
phone 201 <- nothing
bridge restarts
`

func TestParse(t *testing.T) {
	l, err := ladder.Parse("expiry", expiry)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Steps) != 12 {
		t.Fatalf("%d steps, want 12", len(l.Steps))
	}
	if r := l.Steps[0].Request; r.Method != "SUBSCRIBE" || r.Target != "101" || r.New || len(r.Fields) != 2 || r.Fields[1] != (ladder.Field{Name: "Expires", Value: "600"}) {
		t.Errorf("request: %+v", r)
	}
	if l.Steps[0].Line != 3 || l.Steps[0].Phone != "201" {
		t.Errorf("line %d, phone %q", l.Steps[0].Line, l.Steps[0].Phone)
	}
	if e := l.Steps[1].Expect; e.Status != 200 || e.Answer {
		t.Errorf("response: %+v", e)
	}
	if e := l.Steps[2].Expect; e.Method != "NOTIFY" || e.State != "active" || !e.HasVersion || e.Version != 0 || e.Lamp.State != device.Idle || !e.Answer {
		t.Errorf("first NOTIFY: %+v", e)
	}
	if p := l.Steps[3].PBX; p.Line != "101" || p.State != device.Ringing || p.From != "102" || p.Name != `Bob "B" Two` {
		t.Errorf("pbx: %+v", p)
	}
	if e := l.Steps[4].Expect; e.Answer {
		t.Error("the second NOTIFY would be answered, but the next line does that")
	}
	if r := l.Steps[5].Reply; r.Status != 503 || len(r.Fields) != 1 {
		t.Errorf("reply: %+v", r)
	}
	if p := l.Steps[6].PBX; p.DND == nil || !*p.DND {
		t.Errorf("dnd: %+v", p)
	}
	if p := l.Steps[7].PBX; !p.Down || p.Line != "" {
		t.Errorf("down: %+v", p)
	}
	if l.Steps[8].Advance != 600*time.Second {
		t.Errorf("advance: %v", l.Steps[8].Advance)
	}
	if e := l.Steps[9].Expect; e.State != "terminated" || e.Reason != "timeout" || e.Lamp != nil {
		t.Errorf("last NOTIFY: %+v", e)
	}
	if !l.Steps[10].Expect.Nothing || len(l.Steps[11].Do) != 2 {
		t.Errorf("end: %+v %+v", l.Steps[10], l.Steps[11])
	}
	if u := l.UntilAdvance(); len(u.Steps) != 8 {
		t.Errorf("%d steps before the clock moves, want 8", len(u.Steps))
	}
	if p := l.Phones(); len(p) != 1 || p[0] != "201" {
		t.Errorf("phones: %v", p)
	}
}

// TestParseErrors demands that each bad line is refused, with its number and a hint.
func TestParseErrors(t *testing.T) {
	for line, hint := range map[string]string{
		"fone 201 -> SUBSCRIBE 101":                 `"fone"`,
		"phone 201 SUBSCRIBE 101":                   "phone NAME ->",
		"phone 201 ->":                              "phone NAME ->",
		"phone 201 -> SUBSKRIBE 101":                `"SUBSKRIBE"`,
		"phone 201 -> SUBSCRIBE":                    "to whom",
		"phone 201 -> SUBSCRIBE Event:dialog":       "to whom",
		"phone 201 -> SUBSCRIBE 101 dialog":         `"dialog" is no Header:Value`,
		"phone 201 <- 99":                           `"99"`,
		"phone 201 <- NOTIFY aktive":                `"aktive"`,
		"phone 201 <- NOTIFY active body=red":       "body=red",
		"phone 201 <- NOTIFY active v=-1":           "v=-1",
		"phone 201 <- NOTIFY active versoin=1":      `"versoin=1"`,
		"phone 201 <- nothing 5s":                   "nothing has no words",
		"pbx 101 ringing":                           "pbx -> LINE",
		"pbx -> 101":                                `"101": what of it`,
		"pbx -> 101 purple":                         `"purple" is no state`,
		"pbx -> 101 ringing who=102":                `"who=102"`,
		"advance":                                   "advance 90s",
		"advance soon":                              `"soon"`,
		"advance -5s":                               `"-5s"`,
		"bridge":                                    "what shall bridge do",
		`pbx -> 101 ringing name="Bob`:              "quote",
		"phone 201 <- NOTIFY active body=ringing =": `"="`,
	} {
		_, err := ladder.Parse("bad.ladder", "# first\n\n"+line+"\nadvance 5s\n")
		switch {
		case !errors.Is(err, ladder.ErrParse):
			t.Errorf("%s: error %v", line, err)
		case !strings.Contains(err.Error(), "bad.ladder:3:") || !strings.Contains(err.Error(), hint):
			t.Errorf("%s: error without line 3 or %s: %v", line, hint, err)
		}
	}
}

func TestParseReportsEveryLine(t *testing.T) {
	_, err := ladder.Parse("two", "advance soon\nadvance 1s\nphone\n")
	if err == nil || !strings.Contains(err.Error(), "two:1:") || !strings.Contains(err.Error(), "two:3:") {
		t.Errorf("error %v", err)
	}
}

func TestLoad(t *testing.T) {
	fsys := fstest.MapFS{
		"l/a.ladder": {Data: []byte("advance 1s\n")},
		"l/b.ladder": {Data: []byte(expiry)},
		"l/README":   {Data: []byte("no ladder")},
	}
	ls, err := ladder.Load(fsys, "l/*.ladder")
	if err != nil || len(ls) != 2 || ls[0].Name != "a.ladder" || len(ls[1].Steps) != 12 {
		t.Errorf("%v, %v", ls, err)
	}
	if _, err := ladder.Load(fsys, "none/*"); !errors.Is(err, ladder.ErrParse) {
		t.Errorf("no file: %v", err)
	}
}
