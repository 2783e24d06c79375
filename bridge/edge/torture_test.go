package edge

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"blfbridge/bridge/siptest"
)

// TestTorture: what RFC 4475 calls valid (§3.1.1) reaches the PBX and means the same;
// what is not a message is not relayed. 0 stands for relayed, -1 for left to the server
// (which refuses it: sipua's TestTorture), a number for our own answer.
func TestTorture(t *testing.T) {
	relayed, left := 0, -1
	want := map[string]int{
		// §3.1.1
		"wsinv": relayed, "intmeth": relayed, "esc01": relayed, "escnull": relayed, "esc02": relayed, "lwsdisp": relayed, "longreq": relayed,
		"dblreq": relayed, "semiuri": relayed, "transports": relayed, "mpart01": relayed, "unreason": left, "noreason": left,
		// §3.1.2
		"badinv01": left, "clerr": left, "ncl": left, "scalar02": left, "scalarlg": left, "quotbal": left, "ltgtruri": left, "lwsruri": left,
		"lwsstart": left, "trws": left, "badvers": left, "mismatch01": left, "mismatch02": left, "bigcode": left, "badaspec": left, "baddn": left,
		// A proxy need not read what only the end does.
		"escruri": relayed, "baddate": relayed, "regbadct": relayed,
		// §3.2, §3.3
		"badbranch": relayed, "insuf": left, "unkscm": relayed, "novelsc": relayed, "unksm2": relayed, "bext01": 420, "invut": relayed,
		"regaut01": relayed, "multi01": left, "mcl01": left, "bcast": left, "zeromf": 483, "cparam01": relayed, "cparam02": relayed,
		"regescrt": relayed, "sdp01": relayed, "inv2543": relayed, "test": left,
	}
	files, err := filepath.Glob("../sipua/testdata/torture/*.dat")
	if err != nil || len(files) != len(want) {
		t.Fatal(len(files), "torture messages", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".dat")
		r := newRig(t, nil)
		msg := torture(t, name)
		taken := r.give(phoneUDP, msg)
		got := left
		if taken {
			got = relayed
			if len(r.to(pbxOne)) == 0 && len(r.sent) == 1 {
				got = r.sent[0].msg.Code
			}
		}
		if got != want[name] {
			t.Errorf("%s: got %d, want %d\n%s\nbecame\n%s", name, got, want[name], msg, r.all())
		}
	}
}

// TestTortureMeaning compares what left with what came, read by a parser that shares no
// code with ours.
func TestTortureMeaning(t *testing.T) {
	for _, name := range []string{"wsinv", "intmeth", "esc01", "escnull", "esc02", "lwsdisp", "longreq", "dblreq", "semiuri", "transports", "mpart01"} {
		r := newRig(t, nil)
		msg := torture(t, name)
		in, err := siptest.ParseMessage([]byte(msg))
		if err != nil {
			t.Fatal(name, err)
		}
		r.mustGive(phoneUDP, msg)
		got := r.to(pbxOne)
		if len(got) != 1 {
			t.Fatalf("%s: %d messages to the PBX", name, len(got))
		}
		out := got[0]
		if out.Method != in.Method || out.URI != in.URI {
			t.Errorf("%s: %s %s became %s %s", name, in.Method, in.URI, out.Method, out.URI)
		}
		if n := contentLength(in); !bytes.Equal(out.Body, in.Body[:n]) {
			t.Errorf("%s: the body has changed", name)
		}
		// One Via more, Max-Forwards less, the rest as it was and in its order.
		before, after := meaning(in), meaning(out)
		added := map[string]int{"via": 1, "record-route": len(out.All("Record-Route")) - len(in.All("Record-Route")), "path": len(out.All("Path"))}
		for h := range before {
			if strings.HasPrefix(h, "max-forwards") || strings.HasPrefix(h, "via") {
				continue
			}
			if !slices.Equal(before[h], after[h][added[h]:]) {
				t.Errorf("%s: %s: %q became %q", name, h, before[h], after[h])
			}
		}
		vias, now := strings.Join(before["via"], ","), after["via"]
		if strings.Count(vias, ",") != strings.Count(strings.Join(now[1:], ","), ",") {
			t.Errorf("%s: Vias %q became %q", name, before["via"], now)
		}
	}
}

func contentLength(m *siptest.Message) int {
	n := 0
	for _, c := range m.Get("Content-Length") {
		n = n*10 + int(c-'0')
	}
	return n
}

// meaning are a message's header values by name, white space as one blank.
func meaning(m *siptest.Message) map[string][]string {
	out := map[string][]string{}
	for _, h := range m.Headers {
		name := strings.ToLower(h.Name)
		if long, ok := map[string]string{"v": "via", "f": "from", "t": "to", "i": "call-id", "l": "content-length", "m": "contact", "c": "content-type", "s": "subject", "k": "supported"}[name]; ok {
			name = long
		}
		out[name] = append(out[name], strings.Join(strings.Fields(h.Value), " "))
	}
	if v := out["supported"]; len(v) > 0 && v[0] == "path" {
		out["supported"] = v[1:] // ours
	}
	return out
}
