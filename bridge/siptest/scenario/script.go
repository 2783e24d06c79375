package scenario

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"blfbridge/bridge/device"
)

// ErrScript is wrapped by errors about a scenario's text.
var ErrScript = errors.New("scenario: cannot read")

//go:embed office.txt
var officeText string

// Lamp is a state and whether the line holds its call.
type Lamp struct {
	State device.State
	Held  bool
}

// String is the word of a scenario.
func (l Lamp) String() string {
	if l.Held {
		return "held"
	}
	return l.State.String()
}

// Scenario is a named list of steps.
type Scenario struct {
	Name, Title string
	Steps       []Step
}

// Step is one action and the lamps after it.
type Step struct {
	Line  int
	Phone string // "A" to "D"
	Verb  string // as listed in office.txt, without its object
	Other string // the object, "" where the verb has none
	// Check is true where the line has =>; Want are the lamps that change.
	Check bool
	Want  map[string]Lamp
}

// String is the action in words.
func (s Step) String() string {
	return strings.TrimSpace(s.Phone + " " + s.Verb + " " + s.Other)
}

// prompt tells actions that the PBX follows at once from those that take as long as the
// PBX or its announcement likes.
func (s Step) prompt() bool {
	return s.Verb != "hears the end" && s.Verb != "turns dnd on" && s.Verb != "turns dnd off"
}

// verbs and whether another phone follows.
var verbs = []struct {
	text   string
	object bool
}{
	{"calls", true}, {"answers", false}, {"rejects", false}, {"hangs up", false}, {"cancels", false},
	{"hears the end", false}, {"holds", false}, {"resumes", false}, {"transfers to", true}, {"joins", false},
	{"picks up", true}, {"turns dnd on", false}, {"turns dnd off", false},
	{"refuses calls", false}, {"takes calls", false}, {"registers", false}, {"unregisters", false},
}

var phones = []string{"A", "B", "C", "D"}

// Office returns the built-in scenarios.
func Office() []Scenario {
	s, err := Parse(officeText)
	if err != nil {
		panic(err) // the embedded text is tested
	}
	return s
}

// Parse reads scenarios; the error lists every bad line.
func Parse(text string) ([]Scenario, error) {
	var out []Scenario
	var errs []error
	n := 0
	for line := range strings.SplitSeq(text, "\n") {
		n++
		line, _, _ = strings.Cut(line, "#")
		line = strings.Join(strings.Fields(line), " ")
		var err error
		switch name, isHead := strings.CutPrefix(line, "scenario "); {
		case line == "":
		case isHead:
			name, title, _ := strings.Cut(name, ":")
			if slices.ContainsFunc(out, func(s Scenario) bool { return s.Name == name }) {
				err = fmt.Errorf("a second scenario %q", name)
			}
			out = append(out, Scenario{Name: strings.TrimSpace(name), Title: strings.TrimSpace(title)})
		case len(out) == 0:
			err = errors.New("a step before the first scenario")
		default:
			var s Step
			if s, err = parseStep(line); err == nil {
				s.Line = n
				last := &out[len(out)-1]
				last.Steps = append(last.Steps, s)
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%w line %d: %w", ErrScript, n, err))
		}
	}
	return out, errors.Join(errs...)
}

func parseStep(line string) (Step, error) {
	action, lamps, check := strings.Cut(line, "=>")
	phone, rest, _ := strings.Cut(strings.TrimSpace(action), " ")
	if !slices.Contains(phones, phone) {
		return Step{}, fmt.Errorf("%q is no phone: A, B, C or D", phone)
	}
	s := Step{Phone: phone, Check: check, Want: map[string]Lamp{}}
	for _, v := range verbs {
		if object, ok := strings.CutPrefix(rest, v.text); ok && (object == "" || object[0] == ' ') {
			s.Verb, s.Other = v.text, strings.TrimSpace(object)
			if v.object && !slices.Contains(phones, s.Other) || !v.object && s.Other != "" {
				return s, fmt.Errorf("%s whom? %q", v.text, s.Other)
			}
		}
	}
	if s.Verb == "" {
		return s, fmt.Errorf("%q is no verb", rest)
	}
	if !check {
		return s, nil
	}
	for w := range strings.SplitSeq(lamps, ",") {
		f := strings.Fields(w)
		if len(f) != 2 || !slices.Contains(phones, f[0]) {
			return s, fmt.Errorf("%q: want PHONE LAMP", strings.TrimSpace(w))
		}
		l := Lamp{State: device.Busy, Held: f[1] == "held"}
		if !l.Held {
			st, err := device.ParseState(f[1])
			if err != nil {
				return s, err
			}
			l.State = st
		}
		s.Want[f[0]] = l
	}
	return s, nil
}
