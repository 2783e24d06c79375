package sipua

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// adapt makes a SUBSCRIBE of a torture message (RFC 4475 §3): the method, in the request
// line and in a CSeq that agrees with it, and what a SUBSCRIBE needs besides.
func adapt(msg []byte) []byte {
	line, rest, _ := bytes.Cut(msg, crlf)
	method, uri, ok := bytes.Cut(line, []byte{' '})
	if !ok || bytes.HasPrefix(line, []byte("SIP/2.0")) {
		return msg
	}
	rest = bytes.Replace(rest, []byte(" "+string(method)+"\r\n"), []byte(" SUBSCRIBE\r\n"), 1)
	add := "Event: dialog\r\n"
	if low := append([]byte("\r\n"), bytes.ToLower(rest)...); !bytes.Contains(low, []byte("\r\ncontact")) && !bytes.Contains(low, []byte("\r\nm:")) {
		add += "Contact: <sip:c@127.0.0.1>\r\n"
	}
	return append([]byte("SUBSCRIBE "+string(uri)+"\r\n"), append([]byte(add), rest...)...)
}

// TestTorture: none of the messages of RFC 4475 ends the process, and each gets a
// sensible answer, as what it is and as a SUBSCRIBE. 0 is silence: responses, and what
// cannot be answered.
func TestTorture(t *testing.T) {
	want := map[string]struct{ plain, subscribe int }{
		"badaspec": {400, 400}, "badbranch": {200, 406}, "baddate": {405, 404}, "baddn": {400, 400},
		"badinv01": {405, 404}, "badvers": {505, 505}, "bcast": {0, 0}, "bext01": {420, 420},
		"bigcode": {0, 0}, "clerr": {400, 400}, "cparam01": {405, 404}, "cparam02": {405, 404},
		"dblreq": {405, 404}, "esc01": {405, 404}, "esc02": {501, 400}, "escnull": {405, 400},
		"escruri": {405, 404}, "insuf": {400, 400}, "intmeth": {400, 400}, "inv2543": {400, 400},
		"invut": {405, 404}, "longreq": {405, 404}, "ltgtruri": {400, 400}, "lwsdisp": {200, 404},
		"lwsruri": {400, 400}, "lwsstart": {400, 400}, "mcl01": {400, 400}, "mismatch01": {400, 400},
		"mismatch02": {400, 400}, "mpart01": {405, 404}, "multi01": {400, 400}, "ncl": {400, 400},
		"noreason": {0, 0}, "novelsc": {416, 416}, "quotbal": {400, 400}, "regaut01": {405, 404},
		"regbadct": {405, 404}, "regescrt": {405, 404}, "scalar02": {400, 400}, "scalarlg": {0, 0},
		"sdp01": {405, 406}, "semiuri": {200, 406}, "test": {0, 0}, "transports": {200, 406},
		"trws": {400, 400}, "unkscm": {416, 416}, "unksm2": {405, 404}, "unreason": {0, 0},
		"wsinv": {400, 400}, "zeromf": {200, 483},
	}
	files, err := filepath.Glob("testdata/torture/*.dat")
	if err != nil || len(files) == 0 {
		t.Fatal("no torture messages", err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".dat")
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for kind, msg := range map[string][]byte{"plain": raw, "subscribe": adapt(raw)} {
			r := newRig(t, nil) // some share a branch
			p := r.udpPhone()
			p.send(string(msg))
			got := 0
			if text, ok := p.tryRead(300 * time.Millisecond); ok {
				got = parseResponseText(t, text).code
			}
			code := want[name].plain
			if kind == "subscribe" {
				code = want[name].subscribe
			}
			if res := p.ask(subscribeTo("sip:1001@x.test", p.addr()).String()); res.code != 200 {
				t.Fatalf("%s %s: it does not live any more:\n%s", name, kind, res.raw)
			}
			if got != code {
				t.Errorf("%s %s: got %d, want %d", name, kind, got, code)
			}
		}
	}
}
