package replay

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// ErrARIRecording is wrapped by the errors of ReadARI.
var ErrARIRecording = errors.New("replay: not an ARI recording")

// ARIRecording is what an Asterisk event socket said while a driver made phones do
// things: the events, and between them marks that name what was done. It is not changed
// after it was read.
type ARIRecording struct {
	Steps []ARIStep
}

// ARIStep is one line of a recording: a mark or an event.
type ARIStep struct {
	At    time.Time
	Mark  string          // what the driver did or read
	Event json.RawMessage // as Asterisk sent it; nil for a mark
	Type  string          // the event's type
	// About is whom the event is about, in short: "PJSIP/1001=INUSE" for a device state,
	// "PJSIP/1001-0000000c Ring" for a channel, for Dial the dialled one and the status.
	About string
}

// ReadARI reads a recording: JSON lines, {"recv": time, "event": …} or {"recv": time,
// "mark": text}. The error wraps ErrARIRecording and names the line.
func ReadARI(r io.Reader) (*ARIRecording, error) {
	rec := &ARIRecording{}
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 8<<20)
	for n := 1; sc.Scan(); n++ {
		if len(strings.TrimSpace(sc.Text())) == 0 {
			continue
		}
		var line struct {
			Recv  time.Time       `json:"recv"`
			Mark  *string         `json:"mark"`
			Event json.RawMessage `json:"event"`
		}
		if err := json.Unmarshal(sc.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrARIRecording, n, err)
		}
		if (line.Mark == nil) == (line.Event == nil) {
			return nil, fmt.Errorf("%w: line %d has not exactly one of mark and event", ErrARIRecording, n)
		}
		s := ARIStep{At: line.Recv, Event: line.Event}
		if line.Mark != nil {
			s.Mark = *line.Mark
		} else {
			var e ariEvent
			if err := json.Unmarshal(line.Event, &e); err != nil {
				return nil, fmt.Errorf("%w: line %d: %w", ErrARIRecording, n, err)
			}
			s.Type, s.About = e.Type, e.about()
		}
		rec.Steps = append(rec.Steps, s)
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	if len(rec.Steps) == 0 {
		return nil, fmt.Errorf("%w: it is empty", ErrARIRecording)
	}
	return rec, nil
}

// Find returns the index in Steps of the nth (from 1) event of this type whose About
// begins with about, or -1.
func (r *ARIRecording) Find(typ, about string, nth int) int {
	for i := range r.Steps {
		s := &r.Steps[i]
		if s.Event != nil && s.Type == typ && strings.HasPrefix(s.About, about) {
			if nth--; nth == 0 {
				return i
			}
		}
	}
	return -1
}

// ariEvent is as much of an event as the server itself has to understand.
type ariEvent struct {
	Type        string          `json:"type"`
	Dialstatus  string          `json:"dialstatus"`
	Channel     json.RawMessage `json:"channel"`
	Caller      json.RawMessage `json:"caller"`
	Peer        json.RawMessage `json:"peer"`
	DeviceState struct {
		Name  string `json:"name"`
		State string `json:"state"`
	} `json:"device_state"`
}

// ariChannel is as much of a channel.
type ariChannel struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	State string `json:"state"`
}

func (e *ariEvent) about() string {
	if e.Type == "DeviceStateChanged" {
		return e.DeviceState.Name + "=" + e.DeviceState.State
	}
	raw := e.Channel
	if e.Type == "Dial" {
		raw = e.Peer
	}
	var c ariChannel
	if json.Unmarshal(raw, &c) != nil { // an event without a channel is about nobody
		return ""
	}
	return strings.TrimSpace(c.Name + " " + c.State + " " + e.Dialstatus)
}
