package ladder

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"blfbridge/bridge/device"
)

// ErrParse is wrapped by every error about a ladder's text.
var ErrParse = errors.New("ladder: cannot read")

// Parse reads a ladder. The error lists every bad line with its number.
func Parse(name, text string) (Ladder, error) {
	l := Ladder{Name: name}
	var errs []error
	n := 0
	for line := range strings.SplitSeq(text, "\n") {
		n++
		ws, err := words(line)
		if err == nil && len(ws) == 0 {
			continue
		}
		s := Step{Line: n, Text: strings.TrimSpace(line)}
		if err == nil {
			err = s.parse(ws)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%w %s:%d: %w (in %q)", ErrParse, name, n, err, s.Text))
			continue
		}
		l.Steps = append(l.Steps, s)
	}
	l.answers()
	return l, errors.Join(errs...)
}

// Load reads every ladder of a folder that matches a pattern such as "testdata/*.ladder".
func Load(fsys fs.FS, pattern string) ([]Ladder, error) {
	files, err := fs.Glob(fsys, pattern)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%w %s: no such file", ErrParse, pattern)
	}
	var out []Ladder
	var errs []error
	for _, f := range files {
		text, err := fs.ReadFile(fsys, f)
		if err != nil {
			return nil, err
		}
		l, err := Parse(path.Base(f), string(text))
		out, errs = append(out, l), append(errs, err)
	}
	return out, errors.Join(errs...)
}

// answers marks the NOTIFYs that no line answers.
func (l *Ladder) answers() {
	last := map[string]*Expect{} // by phone
	for _, s := range l.Steps {
		switch {
		case s.Expect != nil && s.Expect.Method != "":
			s.Expect.Answer = true
			last[s.Phone] = s.Expect
		case s.Reply != nil && last[s.Phone] != nil:
			last[s.Phone].Answer = false
			delete(last, s.Phone)
		case s.Phone != "":
			delete(last, s.Phone)
		}
	}
}

func (s *Step) parse(ws []string) error {
	switch ws[0] {
	case "phone":
		if len(ws) < 4 || ws[2] != "->" && ws[2] != "<-" {
			return errors.New("want: phone NAME -> … or phone NAME <- …")
		}
		s.Phone = ws[1]
		if ws[2] == "->" {
			return s.sends(ws[3:])
		}
		return s.receives(ws[3:])
	case "pbx":
		if len(ws) < 3 || ws[1] != "->" {
			return errors.New("want: pbx -> LINE STATE, or pbx -> down, or pbx -> up")
		}
		return s.pbx(ws[2:])
	case "advance":
		if len(ws) != 2 {
			return errors.New("want: advance 90s")
		}
		d, err := time.ParseDuration(ws[1])
		if err != nil || d <= 0 {
			return fmt.Errorf("%q is no duration like 90s or 10m", ws[1])
		}
		s.Advance = d
		return nil
	case "bridge", "policy":
		if len(ws) < 2 {
			return fmt.Errorf("what shall %s do?", ws[0])
		}
		s.Do = ws
		return nil
	}
	return fmt.Errorf("a line begins with phone, pbx, advance, bridge or policy, not %q", ws[0])
}

// status reads a SIP status; ok is false for anything that is not three digits.
func status(w string) (int, bool) {
	n, err := strconv.Atoi(w)
	return n, err == nil && n >= 100 && n <= 699
}

var methods = []string{"SUBSCRIBE", "NOTIFY", "REGISTER", "INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "PUBLISH", "MESSAGE", "REFER", "INFO", "UPDATE"}

func (s *Step) sends(ws []string) (err error) {
	if code, ok := status(ws[0]); ok || ws[0] == "nothing" {
		s.Reply = &Reply{Status: code}
		s.Reply.Fields, err = fields(ws[1:])
		return err
	}
	if !slices.Contains(methods, ws[0]) {
		return fmt.Errorf("%q is neither a method, a status nor nothing", ws[0])
	}
	r := &Request{Method: ws[0]}
	rest := ws[1:]
	if len(rest) > 0 {
		if _, header := field(rest[0]); !header || strings.HasPrefix(rest[0], "sip:") || strings.HasPrefix(rest[0], "sips:") {
			r.Target, rest = rest[0], rest[1:]
		}
	}
	if r.Target == "" && r.Method != "REGISTER" {
		return fmt.Errorf("%s to whom? A number or URI follows the method", r.Method)
	}
	if len(rest) > 0 && rest[0] == "new" {
		r.New, rest = true, rest[1:]
	}
	s.Request = r
	r.Fields, err = fields(rest)
	return err
}

func (s *Step) receives(ws []string) (err error) {
	e := &Expect{}
	s.Expect = e
	code, isStatus := status(ws[0])
	switch {
	case ws[0] == "nothing":
		if len(ws) > 1 {
			return errors.New("nothing has no words behind it")
		}
		e.Nothing = true
		return nil
	case isStatus:
		e.Status = code
		e.Fields, err = fields(ws[1:])
		return err
	case !slices.Contains(methods, ws[0]):
		return fmt.Errorf("%q is neither a method, a status nor nothing", ws[0])
	}
	e.Method = ws[0]
	for _, w := range ws[1:] {
		if err := e.word(w); err != nil {
			return err
		}
	}
	return nil
}

func (e *Expect) word(w string) error {
	switch w {
	case "active", "pending", "terminated":
		e.State = w
		return nil
	}
	if key, value, ok := strings.Cut(w, "="); ok && !strings.Contains(key, ":") {
		switch key {
		case "reason":
			e.Reason = value
		case "retry-after":
			e.RetryAfter = value
		case "expires":
			e.Expires = value
		case "v":
			v, err := strconv.ParseUint(value, 10, 32)
			if err != nil {
				return fmt.Errorf("v=%s is no version", value)
			}
			e.Version, e.HasVersion = uint32(v), true
		case "body":
			l, err := lamp(value)
			if err != nil {
				return err
			}
			e.Lamp = &l
		default:
			return fmt.Errorf("%q: known are reason=, retry-after=, expires=, v= and body=", w)
		}
		return nil
	}
	f, ok := field(w)
	if !ok {
		return fmt.Errorf("%q is no subscription state, no key=value and no Header:Value", w)
	}
	e.Fields = append(e.Fields, f)
	return nil
}

func lamp(w string) (Lamp, error) {
	switch w {
	case "none":
		return Lamp{None: true}, nil
	case "held":
		return Lamp{State: device.Busy, Held: true}, nil
	}
	st, err := device.ParseState(w)
	if err != nil {
		return Lamp{}, fmt.Errorf("body=%s: known are none, held and %v", w, device.States)
	}
	return Lamp{State: st}, nil
}

func (s *Step) pbx(ws []string) error {
	p := &PBX{}
	s.PBX = p
	if len(ws) == 1 {
		p.Down, p.Up = ws[0] == "down", ws[0] == "up"
		if !p.Down && !p.Up {
			return fmt.Errorf("%q: what of it? (idle, ringing, busy, held, unknown, dnd, nodnd)", ws[0])
		}
		return nil
	}
	p.Line = ws[0]
	on := ws[1] == "dnd"
	switch ws[1] {
	case "dnd", "nodnd":
		p.DND = &on
	case "held":
		p.State, p.Held = device.Busy, true
	default:
		st, err := device.ParseState(ws[1])
		if err != nil {
			return fmt.Errorf("%q is no state: idle, ringing, busy, held, unknown, dnd, nodnd", ws[1])
		}
		p.State = st
	}
	for _, w := range ws[2:] {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "from":
			p.From = value
		case "name":
			p.Name = value
		default:
			return fmt.Errorf("%q: known are from= and name=", w)
		}
	}
	return nil
}
