package ladder_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/siptest"
	"blfbridge/bridge/siptest/ladder"
)

// tape is a driver whose server says what the test put on the tape, and that writes
// down what the ladder did.
type tape struct {
	in  []string // messages to come
	log []string
}

func (d *tape) note(format string, args ...any) error {
	d.log = append(d.log, fmt.Sprintf(format, args...))
	return nil
}

func (d *tape) Request(_ context.Context, phone string, r ladder.Request) error {
	return d.note("%s sends %s %s", phone, r.Method, r.Target)
}

func (d *tape) Reply(_ context.Context, phone string, r ladder.Reply) error {
	return d.note("%s answers %d", phone, r.Status)
}
func (d *tape) PBX(_ context.Context, p ladder.PBX) error {
	return d.note("pbx %s %v", p.Line, p.State)
}
func (d *tape) Advance(_ context.Context, by time.Duration) error { return d.note("advance %v", by) }
func (d *tape) Do(_ context.Context, words []string) error        { return d.note("do %v", words) }
func (d *tape) Next(context.Context, string) (*siptest.Message, error) {
	if len(d.in) == 0 {
		return nil, ladder.ErrNothing
	}
	text := d.in[0]
	d.in = d.in[1:]
	return siptest.ParseMessage([]byte(strings.ReplaceAll(text, "\n", "\r\n")))
}

const ok200 = "SIP/2.0 200 OK\nCSeq: 1 SUBSCRIBE\nExpires: 600\n\n"

func notify(substate string, version int, dialog string) string {
	body := ""
	if dialog != "" {
		body = fmt.Sprintf(`<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="%d" state="full" entity="sip:101@x">%s</dialog-info>`, version, dialog)
	}
	return "NOTIFY sip:201@x SIP/2.0\nCSeq: 7 NOTIFY\nContact: <sip:x>\nSubscription-State: " + substate +
		"\nContent-Type: application/dialog-info+xml\n\n" + body
}

const (
	dlgIdle = `<dialog id="a"><state>terminated</state></dialog>`
	dlgRing = `<dialog id="a" direction="recipient"><state>early</state></dialog>`
)

func TestRun(t *testing.T) {
	l, err := ladder.Parse("expiry", expiry)
	if err != nil {
		t.Fatal(err)
	}
	d := &tape{in: []string{ok200, notify("active;expires=600", 0, dlgIdle), notify("active;expires=590", 1, dlgRing), notify("terminated;reason=timeout", 2, "")}}
	if err := ladder.Run(t.Context(), l, d); err != nil {
		t.Fatal(err)
	}
	want := []string{"201 sends SUBSCRIBE 101", "201 answers 200", "pbx 101 ringing", "201 answers 503", "pbx 101 unknown",
		"pbx  unknown", "advance 10m0s", "201 answers 200", "do [bridge restarts]"}
	if got := strings.Join(d.log, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("the driver did\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

// TestMismatch demands that whatever differs is found and told.
func TestMismatch(t *testing.T) {
	for _, c := range []struct{ line, message, want string }{
		{"phone 1 <- 200", notify("active", 0, dlgIdle), "want 200, got NOTIFY"},
		{"phone 1 <- 202", ok200, "want 202, got 200 OK"},
		{"phone 1 <- NOTIFY", ok200, "want NOTIFY, got 200"},
		{"phone 1 <- 200 Expires:60", ok200, `Expires: want "60", got "600"`},
		{"phone 1 <- 200 Min-Expires:*", ok200, `Min-Expires: want "*", got none`},
		{"phone 1 <- NOTIFY active", notify("pending", 0, dlgIdle), `want "active", got "pending"`},
		{"phone 1 <- NOTIFY terminated reason=timeout", notify("terminated;reason=rejected", 0, ""), `reason: want "timeout", got "rejected"`},
		{"phone 1 <- NOTIFY active expires=60", notify("active;expires=61", 0, dlgIdle), `expires: want "60", got "61"`},
		{"phone 1 <- NOTIFY active v=1", notify("active", 2, dlgIdle), `version: want "1", got "2"`},
		{"phone 1 <- NOTIFY active body=busy", notify("active", 2, dlgRing), `body: want "busy", got "ringing"`},
		{"phone 1 <- NOTIFY active body=none", notify("active", 2, dlgRing), `body: want none`},
		{"phone 1 <- NOTIFY active body=idle", notify("active", 2, "<rubbish>"), `body: want "a lamp"`},
		{"phone 1 <- nothing", ok200, "want nothing, got 200"},
	} {
		l, err := ladder.Parse("m", "\n"+c.line)
		if err != nil {
			t.Fatal(err)
		}
		err = ladder.Run(t.Context(), l, &tape{in: []string{c.message}})
		if !errors.Is(err, ladder.ErrMismatch) || !strings.Contains(err.Error(), "m:2: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: want %q, got %v", c.line, c.want, err)
		}
	}
	l, err := ladder.Parse("m", "phone 1 <- 200")
	if err != nil {
		t.Fatal(err)
	}
	if err := ladder.Run(t.Context(), l, &tape{}); !errors.Is(err, ladder.ErrNothing) {
		t.Errorf("nothing came: %v", err)
	}
}
