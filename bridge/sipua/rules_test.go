package sipua

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"blfbridge/bridge/subscription"
)

func TestGrant(t *testing.T) {
	l := lifetimes{min: 60 * time.Second, max: time.Hour, absent: time.Hour}
	long := lifetimes{min: time.Hour, max: 2 * time.Hour, absent: time.Hour}
	for _, c := range []struct {
		l           lifetimes
		asked, want int
		err         error
	}{
		{l, -1, 3600, nil}, {l, 0, 0, nil}, {l, 1, 0, ErrTooBrief}, {l, 59, 0, ErrTooBrief}, {l, 60, 60, nil},
		{l, 61, 61, nil}, {l, 3600, 3600, nil}, {l, 3601, 3600, nil}, {l, 1<<32 - 1, 3600, nil},
		{long, 3599, 0, ErrTooBrief}, {long, 3600, 3600, nil}, {long, 7200, 7200, nil},
	} {
		got, err := c.l.grant(time.Duration(c.asked) * time.Second)
		if got != time.Duration(c.want)*time.Second || !errors.Is(err, c.err) {
			t.Errorf("%d: got %v %v", c.asked, got, err)
		}
		if c.asked > 0 && got > time.Duration(c.asked)*time.Second {
			t.Errorf("%d: lengthened to %v", c.asked, got)
		}
	}
}

func TestParseEvent(t *testing.T) {
	for in, want := range map[string]event{
		"dialog":                       {pkg: subscription.Dialog},
		" PRESENCE ; ID = 9":           {pkg: subscription.Presence, id: "9"},
		"dialog;sla;ma=x":              {pkg: subscription.Dialog, params: ";sla;ma=x"},
		`dialog;call-id="a;b"`:         {pkg: subscription.Dialog, params: `;call-id="a;b"`, oneDialog: true},
		"dialog ; Call-ID=a@b;to-tag=": {pkg: subscription.Dialog, params: ";Call-ID=a@b;to-tag=", oneDialog: true},
	} {
		if got, err := parseEvent([]string{in}); got != want || err != nil {
			t.Errorf("%q: got %+v %v", in, got, err)
		}
	}
	for in, want := range map[string]error{
		"": ErrEvent, "dialog.winfo": ErrEvent, "refer": ErrEvent, "dialog;id=": ErrBadRequest,
		"dialog;id=a;id=b": ErrBadRequest, "dialog;id=a b": ErrBadRequest,
	} {
		if _, err := parseEvent([]string{in}); !errors.Is(err, want) {
			t.Errorf("%q: got %v", in, err)
		}
	}
}

func TestAddresses(t *testing.T) {
	for in, want := range map[string]sipURI{
		`"A \"<x>\" B" <sip:1@h.test:5062;lr?X=y>;tag=1`: {"sip", "1", "h.test", 5062, "lr", "sip:1@h.test:5062;lr"},
		"sip:1:secret@h.test;tag=1":                      {"sip", "1", "h.test", 0, "", "sip:1:secret@h.test"},
		"<SIPS:[2001:db8::1]:5061>":                      {"sips", "", "2001:db8::1", 5061, "", "SIPS:[2001:db8::1]:5061"},
		"<tel:+1-310;phone-context=x>":                   {"tel", "+1-310", "", 0, "phone-context=x", "tel:+1-310;phone-context=x"},
		"A B <sip:a;b?c/d@h>":                            {"sip", "a;b?c/d", "h", 0, "", "sip:a;b?c/d@h"},
		"<urn:service:sos>":                              {"urn", "", "", 0, "", "urn:service:sos"},
	} {
		if got, ok := addressOf(in); !ok || got != want {
			t.Errorf("%q: got %+v %v", in, got, ok)
		}
	}
	for _, in := range []string{
		"", "<>", "<sip:>", "sip", "<sip:1@>", "<sip:1@h", "sip:1@h>", `"A <sip:1@h>`, "<sip:1@h:0>", "<sip:1@h:70000>",
		"<sip:1@h:x>", "<sip:1 2@h>", "<sip:1@[::1>", "<sip:1@[nonsense]>", "<sip:1@h>x", "<tel:>", "A sip:1@h",
	} {
		if got, ok := addressOf(in); ok {
			t.Errorf("%q: got %+v", in, got)
		}
	}
	for in, want := range map[string]string{"%2A89": "*89", "a%": "a%", "a%4": "a%4", "%zz": "%zz", "%41%62": "Ab"} {
		if got := unescape(in); got != want {
			t.Errorf("%q: got %q", in, got)
		}
	}
}

// TestStatusTable: every refusal has its row, found also when it is wrapped.
func TestStatusTable(t *testing.T) {
	for _, r := range refusals {
		if got := refusalOf(refusing{fmt.Errorf("x: %w", r.err), nil}); got != r.refusal {
			t.Errorf("%v: got %+v", r.err, got)
		}
		if r.phrase == "" || r.status < 400 {
			t.Errorf("%v: %+v", r.err, r.refusal)
		}
	}
	if got := refusalOf(errors.New("other")); got.status != 500 {
		t.Errorf("got %+v", got)
	}
	if phraseOf(489) != "Bad Event" || phraseOf(200) != "OK" || phraseOf(299) != "Unknown" {
		t.Error("phrases")
	}
}

func TestLimiter(t *testing.T) {
	l := newLimiter(Rate{1, 3}, Rate{PerSecond: -1})
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for i := range 5 {
		if got := l.allow(a); got != (i < 3) {
			t.Errorf("%d: %v", i, got)
		}
	}
	if !l.allow(b) {
		t.Error("one source pays for another")
	}
	x, y := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::ffff")
	for range 3 {
		l.allow(x)
	}
	if l.allow(y) {
		t.Error("a /64 is one source")
	}
	total := newLimiter(Rate{PerSecond: -1}, Rate{1, 2})
	if !total.allow(a) || !total.allow(b) || total.allow(x) {
		t.Error("the total does not count")
	}
	// A bucket fills again, up to its size.
	k := bucket{}
	if k.take(Rate{1, 3}, 100) || !k.take(Rate{1, 3}, 1e9+100) || k.take(Rate{1, 3}, 1e9+200) || !k.take(Rate{1, 3}, 60e9) || k.tokens != 2 {
		t.Errorf("%+v", k)
	}
}

func TestOrderOfPlaces(t *testing.T) {
	o := newOrder()
	o.add("k1", place{callID: "c"}, "m1")
	o.add("k2", place{callID: "c"}, "m2")
	o.add("k2", place{callID: "c"}, "m2") // a retransmission
	o.add("k3", place{callID: "other"}, "m1")
	p1, p2, p3 := o.take("k1"), o.take("k2"), o.take("k3")
	if p1.before != nil || p2.before == nil || !p3.merged || o.take("k2") != nil {
		t.Fatal("places")
	}
	select {
	case <-p2.before:
		t.Fatal("the second may go first")
	default:
	}
	o.done(p1)
	o.done(p1)
	p2.wait()
	o.done(p2)
	o.done(p3)
	for _, k := range []string{"k1", "k2", "k3"} {
		o.forget(k)
	}
	// A request that sipgo never hands on is given up.
	o.add("k4", place{callID: "c"}, "")
	o.waiting["k4"].since = time.Now().Add(-2 * orphaned)
	o.add("k5", place{callID: "c"}, "")
	o.swept = time.Time{}
	o.add("k6", place{callID: "d"}, "")
	o.take("k5").wait()
	if _, left := o.live["k4"]; left {
		t.Error("an orphan stays")
	}
	o.done(nil)
	if len(o.merge) != 0 || len(o.waiting) != 1 {
		t.Errorf("merge %v waiting %v", o.merge, o.waiting)
	}
}
