package replay

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// ErrESLRecording: the bytes are no recording of a FreeSWITCH event socket.
var ErrESLRecording = errors.New("replay: not an event socket recording")

// ESLEvent is one event of a recording.
type ESLEvent struct {
	// Sequence is FreeSWITCH's Event-Sequence; time-lines name their events by it. Wire
	// order is not its order.
	Sequence int
	// Name is Event-Name, or the Event-Subclass of a CUSTOM event.
	Name string
	// At is Event-Date-Timestamp, a clock of 20 ms steps.
	At time.Time
	// Delivered: a client that asked for such events got this one. Set by the server.
	Delivered bool

	raw     []byte // the whole frame
	headers []eslHeader
}

type eslHeader struct{ name, value string }

// Get returns a header of the event, the first of that spelling, else of any case.
func (e *ESLEvent) Get(name string) string {
	folded := ""
	for _, h := range e.headers {
		if h.name == name {
			return h.value
		}
		if folded == "" && strings.EqualFold(h.name, name) {
			folded = h.value
		}
	}
	return folded
}

// eslFrame is an event, or another frame that is sent as it is (a disconnect notice).
type eslFrame struct {
	event *ESLEvent
	raw   []byte
}

// parseESL reads the raw bytes of an event socket, gzipped or not. The greeting and the
// answers to the recorder's own commands are left out.
func parseESL(r io.Reader) ([]eslFrame, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("replay: %w", err)
		}
		if data, err = io.ReadAll(z); err != nil {
			return nil, fmt.Errorf("replay: %w", err)
		}
	}
	var frames []eslFrame
	for offset := 0; offset < len(data); {
		head, _, ok := bytes.Cut(data[offset:], []byte("\n\n"))
		if !ok {
			break // the recorder was cut in a header block
		}
		h := headerLines(string(head), false)
		typ, length := headerOf(h, "Content-Type"), 0
		if v := headerOf(h, "Content-Length"); v != "" {
			if length, err = strconv.Atoi(v); err != nil || length < 0 {
				return nil, fmt.Errorf("%w: Content-Length %q at byte %d", ErrESLRecording, v, offset)
			}
		}
		start := offset
		offset += len(head) + 2 + length
		if offset > len(data) {
			break // cut in a body
		}
		raw := data[start:offset]
		switch typ {
		case "text/event-plain", "text/event-json":
			e, err := parseESLEvent(typ, raw[len(head)+2:])
			if err != nil {
				return nil, fmt.Errorf("%w: at byte %d: %w", ErrESLRecording, start, err)
			}
			e.raw = raw
			frames = append(frames, eslFrame{event: e, raw: raw})
		case "auth/request", "command/reply", "api/response":
		case "":
			return nil, fmt.Errorf("%w: no Content-Type at byte %d", ErrESLRecording, start)
		default:
			frames = append(frames, eslFrame{raw: raw})
		}
	}
	if len(frames) == 0 {
		return nil, fmt.Errorf("%w: no event in %d bytes", ErrESLRecording, len(data))
	}
	return frames, nil
}

func parseESLEvent(typ string, body []byte) (*ESLEvent, error) {
	e := &ESLEvent{}
	if typ == "text/event-json" {
		var m map[string]any
		if err := json.Unmarshal(body, &m); err != nil {
			return nil, err
		}
		for k, v := range m {
			if s, ok := v.(string); ok {
				e.headers = append(e.headers, eslHeader{k, s})
			}
		}
	} else {
		head, _, _ := strings.Cut(string(body), "\n\n")
		e.headers = headerLines(head, true)
	}
	if e.Name = e.Get("Event-Name"); e.Name == "CUSTOM" {
		e.Name = e.Get("Event-Subclass")
	}
	e.Sequence, _ = strconv.Atoi(e.Get("Event-Sequence"))
	if us, err := strconv.ParseInt(e.Get("Event-Date-Timestamp"), 10, 64); err == nil {
		e.At = time.UnixMicro(us)
	}
	if e.Name == "" {
		return nil, errors.New("event without a name")
	}
	return e, nil
}

func headerLines(block string, escaped bool) (h []eslHeader) {
	for line := range strings.SplitSeq(block, "\n") {
		name, value, ok := strings.Cut(line, ": ")
		if !ok {
			continue
		}
		if escaped {
			if u, err := url.PathUnescape(value); err == nil {
				value = u
			}
		}
		h = append(h, eslHeader{name, value})
	}
	return h
}

func headerOf(h []eslHeader, name string) string {
	for _, x := range h {
		if strings.EqualFold(x.name, name) {
			return x.value
		}
	}
	return ""
}
