package policy

import (
	"fmt"
	"slices"
)

var (
	viewNames    = [...]string{"none", "state", "ringing", "name", "number", "idle"}
	watcherNames = [...]string{"unknown", "phone", "end_user", "application_user", "trunk"}
	stepNames    = [...]string{"", "watcher", "target", "allow_watch", "button", "call_list", "group", "view"}
	outcomeNames = [...]string{"refused", "allowed", "not_found", "challenged", "unavailable"}
)

func nameOf(names []string, i int, kind string) string {
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("%s(%d)", kind, i)
}

// String returns the word used in the document, in REST and in logs.
func (v View) String() string { return nameOf(viewNames[:], int(v), "view") }

// MarshalText writes the word of the document.
func (v View) MarshalText() ([]byte, error) {
	if int(v) >= len(Views) {
		return nil, fmt.Errorf("policy: no such view: %d", uint8(v))
	}
	return []byte(viewNames[v]), nil
}

// UnmarshalText reads the word of the document.
func (v *View) UnmarshalText(text []byte) error {
	i := slices.Index(viewNames[:len(Views)], string(text))
	if i < 0 {
		return fmt.Errorf("%q is no view, want one of %s", text, orList(viewNames[:len(Views)]))
	}
	*v = View(i)
	return nil
}

// String returns the word used in REST and in logs.
func (k WatcherKind) String() string { return nameOf(watcherNames[:], int(k), "watcher") }

// String returns the word used in REST, traces and logs; StepNone is empty.
func (s Step) String() string { return nameOf(stepNames[:], int(s), "step") }

// String returns the word used in REST, traces and logs.
func (o Outcome) String() string { return nameOf(outcomeNames[:], int(o), "outcome") }
