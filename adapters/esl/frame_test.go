package esl

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func readFrames(r io.Reader) (frames []frame, odd int, err error) {
	fr := newFrameReader(r, func() { odd++ })
	for {
		f, err := fr.next()
		if err != nil {
			return frames, odd, err
		}
		f.body = bytes.Clone(f.body)
		frames = append(frames, f)
	}
}

func TestFraming(t *testing.T) {
	big := strings.Repeat("x", maxEvent+1)
	for _, tc := range []struct {
		name, in string
		want     []string // content type, reply, body
		odd      int
		err      error
	}{
		{"greeting", "Content-Type: auth/request\n\n", []string{"auth/request||"}, 0, io.EOF},
		{"reply", "Content-Type: command/reply\nReply-Text: +OK accepted\n\n", []string{"command/reply|+OK accepted|"}, 0, io.EOF},
		{"two", "Content-Length: 2\nContent-Type: api/response\n\nabContent-Type: command/reply\nReply-Text: -ERR x\n\n",
			[]string{"api/response||ab", "command/reply|-ERR x|"}, 0, io.EOF},
		{"CRLF, other case, no blank after the colon", "content-type:api/response\r\nCONTENT-LENGTH:1\r\n\r\nz", []string{"api/response||z"}, 0, io.EOF},
		{"empty lines before", "\n\nContent-Type: auth/request\n\n", []string{"auth/request||"}, 0, io.EOF},
		{"one odd header", "what is this\nContent-Type: auth/request\n\n", []string{"auth/request||"}, 1, io.EOF},
		{"body with a header in it", "Content-Type: api/response\nContent-Length: 17\n\nContent-Length: 9", []string{"api/response||Content-Length: 9"}, 0, io.EOF},
		{"same length twice", "Content-Length: 1\nContent-Length: 1\n\nq", []string{"||q"}, 0, io.EOF},
		{"cut in the header", "Content-Type: auth", nil, 0, io.ErrUnexpectedEOF},
		{"cut after a header", "Content-Type: auth/request\n", nil, 0, io.ErrUnexpectedEOF},
		{"cut in the body", "Content-Length: 5\n\nab", nil, 0, io.ErrUnexpectedEOF},
		{"cut before the body", "Content-Length: 5\n\n", nil, 0, io.ErrUnexpectedEOF},
		{"negative length", "Content-Length: -1\n\n", nil, 0, ErrFrame},
		{"no number", "Content-Length: ten\n\n", nil, 0, ErrFrame},
		{"two lengths", "Content-Length: 1\nContent-Length: 2\n\nab", nil, 0, ErrFrame},
		{"length beyond all", "Content-Length: 99999999999\n\n", nil, 0, ErrFrame},
		{"length that overflows", "Content-Length: 99999999999999999999999\n\n", nil, 0, ErrFrame},
		{"endless header", strings.Repeat("a", maxHeader+1), nil, 0, ErrFrame},
		{"endless headers", strings.Repeat("a: b\n", maxHeader/4), nil, 0, ErrFrame},
		{"event too big, the next is read", fmt.Sprintf("Content-Type: text/event-plain\nContent-Length: %d\n\n%sContent-Type: auth/request\n\n", len(big), big),
			[]string{"text/event-plain||", "auth/request||"}, 0, io.EOF},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(tc.in), iotest.HalfReader(strings.NewReader(tc.in))} {
				frames, odd, err := readFrames(r)
				var got []string
				for _, f := range frames {
					got = append(got, f.contentType+"|"+f.reply+"|"+string(f.body))
					if f.tooBig != (f.contentType == "text/event-plain") {
						t.Errorf("tooBig is %v", f.tooBig)
					}
				}
				if fmt.Sprint(got) != fmt.Sprint(tc.want) || odd != tc.odd || !errors.Is(err, tc.err) {
					t.Errorf("got %q, %d odd, %v; want %q, %d, %v", got, odd, err, tc.want, tc.odd, tc.err)
				}
			}
		})
	}
}

func TestDecodeEvent(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		want     map[string]string
		odd      int
		err      error
	}{
		{"name not first", "Core-UUID: u\nEvent-Name: PRESENCE_IN\nproto: dnd\n\n", map[string]string{"Event-Name": "PRESENCE_IN", "Core-UUID": "u"}, 0, nil},
		{"escapes", "Event-Name: X\nCaller-Caller-ID-Name: J%C3%BCrgen%20%22Six%22\n\n", map[string]string{"Caller-Caller-ID-Name": `Jürgen "Six"`}, 0, nil},
		{"a plus stays", "Event-Name: X\nfrom: dnd+1002%40pbx.test\n\n", map[string]string{"from": "dnd+1002@pbx.test"}, 0, nil},
		{"bad escape is kept", "Event-Name: X\nCaller-Caller-ID-Name: 100%\n\n", map[string]string{"Caller-Caller-ID-Name": "100%"}, 1, nil},
		{"no UTF-8", "Event-Name: X\nCaller-Caller-ID-Name: %FF\n\n", map[string]string{"Caller-Caller-ID-Name": "\uFFFD"}, 0, nil},
		{"odd line", "Event-Name: X\nnonsense\nUnique-ID: 1\n\n", map[string]string{"Unique-ID": "1"}, 1, nil},
		{"the script's header first, then the channel's", "Event-Name: PRESENCE_IN\nanswer-state: confirmed\nAnswer-State: answered\n\n",
			map[string]string{"answer-state": "confirmed", "Answer-State": "answered", "ANSWER-STATE": "confirmed"}, 0, nil},
		{"only another case", "Event-Name: X\nunique-id: 7\n\n", map[string]string{"Unique-ID": "7"}, 0, nil},
		{"the event's own body is not read", "Event-Name: X\nContent-Length: 14\n\nUnique-ID: evil\n", map[string]string{"Unique-ID": ""}, 0, nil},
		{"unwanted headers are not kept", "Event-Name: X\nvariable_switch_r_sdp: v=0\n\n", map[string]string{"variable_switch_r_sdp": ""}, 0, nil},
		{"no name", "Unique-ID: 1\n\n", nil, 0, errNoEvent},
		{"empty", "", nil, 0, errNoEvent},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e, odd, err := decodePlain([]byte(tc.in))
			if odd != tc.odd || !errors.Is(err, tc.err) {
				t.Fatalf("%d odd, %v; want %d, %v", odd, err, tc.odd, tc.err)
			}
			for k, v := range tc.want {
				if got := e.get(k); got != v {
					t.Errorf("%s is %q, want %q", k, got, v)
				}
			}
		})
	}
}

func TestDecodeJSON(t *testing.T) {
	e, odd, err := decodeJSON([]byte(`{"Event-Name":"CHANNEL_DATA","answer-state":"confirmed","Answer-State":"answered","contact":["a","b"],"x":["y"],"variable_sip_to_tag":"t"}`))
	if err != nil || odd != 1 || e.get("answer-state") != "confirmed" || e.get("Answer-State") != "answered" || e.get("variable_sip_to_tag") != "t" {
		t.Errorf("%+v, %d odd, %v", e, odd, err)
	}
	for _, bad := range []string{"", "[]", `{"Event-Name"`, `{"Event-Name":"X","a":`, `"x"`, `{}`, "-ERR No such channel!"} {
		if _, _, err := decodeJSON([]byte(bad)); !errors.Is(err, errNoEvent) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// FuzzFrame: whatever a server sends, nothing panics, nothing grows beyond the limits,
// and what the events make of the model can be shown.
func FuzzFrame(f *testing.F) {
	for _, s := range []string{
		"Content-Type: auth/request\n\n",
		"Content-Type: command/reply\nReply-Text: +OK accepted\n\n",
		"Content-Length: 31\nContent-Type: text/event-json\n\n{\"Event-Name\":\"CHANNEL_CREATE\"}",
		"Content-Type: text/disconnect-notice\nContent-Length: 3\n\nbye",
		"Content-Length: 5\nContent-Length: 6\n\n",
	} {
		f.Add([]byte(s))
	}
	for _, name := range []string{"dnd_fusionpbx_dialplan_event.esl", "valet_park_retrieve.esl", "two_registrations_unregister.esl", "conference_join_leave.esl"} {
		z, err := os.Open("testdata/recordings/" + name + ".gz")
		if err != nil {
			f.Fatal(err)
		}
		r, err := gzip.NewReader(z)
		if err != nil {
			f.Fatal(err)
		}
		data, err := io.ReadAll(io.LimitReader(r, 12<<10))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[len(data)/3:])
		z.Close()
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		frames, _, err := readFrames(bytes.NewReader(data))
		if err == nil {
			t.Fatal("no end")
		}
		m := newModel(Config{})
		m.knowDomain("pbx.test")
		b := newBoard()
		b.snapshots = 1
		for _, fr := range frames {
			if len(fr.body) > len(data) {
				t.Fatalf("a body of %d bytes out of %d", len(fr.body), len(data))
			}
			for _, decode := range []func([]byte) (event, int, error){decodePlain, decodeJSON} {
				e, _, err := decode(fr.body)
				if err != nil {
					continue
				}
				if len(e.fields) > maxFields {
					t.Fatalf("%d fields", len(e.fields))
				}
				e.at = time.Unix(1, 0)
				m.apply(&e)
				m.flush(b.Change, b.Remove)
			}
		}
		for _, p := range b.problems {
			t.Error(p)
		}
		all := m.snapshot()
		if len(all) != len(b.now) {
			t.Errorf("the snapshot has %d devices, the changes told of %d", len(all), len(b.now))
		}
		for _, s := range all {
			if have := b.now[s.Name]; !have.Equal(s) {
				t.Errorf("the changes said %+v, the snapshot %+v", have, s)
			}
		}
	})
}
