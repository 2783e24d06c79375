package trace

import (
	"fmt"
	"slices"
	"strings"
)

// Kinds are the words of CME's debug presence, and what each shows here.
var Kinds = []string{"all", "asnl", "errors", "event", "info", "timer", "trace", "xml"}

// Filter says which entries are wanted; the zero Filter all.
type Filter struct {
	// Kind is one of Kinds, empty for all: "asnl" what the subscriptions do without SIP
	// text; "errors" warnings, refusals, and NOTIFYs that were not taken; "event" SUBSCRIBEs,
	// their decisions, and NOTIFYs; "info" what the log says at level info and above;
	// "timer" what timers did: retransmissions and timeouts; "trace" SIP messages whole;
	// "xml" NOTIFYs with a body.
	Kind string
	// Names are those of one phone or watcher, any of them: numbers, phone's name, user
	// id, IP address.
	Names []string
	// Presentity is the number that is watched.
	Presentity string
}

// Check tells what is wrong with a filter.
func (f *Filter) Check() error {
	if f.Kind != "" && !slices.Contains(Kinds, f.Kind) {
		return fmt.Errorf("trace: %q is none of %s", f.Kind, strings.Join(Kinds, ", "))
	}
	return nil
}

// Match reports whether an entry is wanted.
func (f *Filter) Match(e *Entry) bool {
	return f.kind(e) && (len(f.Names) == 0 || slices.ContainsFunc(f.Names, func(n string) bool { return about(e, "watcher", n) })) &&
		(f.Presentity == "" || about(e, "presentity", f.Presentity))
}

// sip is the first line of a SIP transcript, empty of anything else.
func sip(e *Entry) string {
	if e.Message != "sip" {
		return ""
	}
	first, _, _ := strings.Cut(e.Attrs["message"], "\r\n")
	return first
}

func (f *Filter) kind(e *Entry) bool {
	first := sip(e)
	problem := e.Level == "WARN" || e.Level == "ERROR"
	switch f.Kind {
	case "asnl":
		return first == "" && e.Attrs["watcher"] != ""
	case "errors":
		status, isAnswer := strings.CutPrefix(first, "SIP/2.0 ")
		return problem || isAnswer && status > "400" || e.Attrs["failures"] != "" || first == "" && strings.Contains(e.Message, "refused")
	case "event":
		return first != "" && !strings.HasPrefix(first, "SIP/2.0 ") || first == "" && e.Attrs["watcher"] != ""
	case "info":
		return problem || e.Level == "INFO"
	case "timer":
		return e.Attrs["timer"] != ""
	case "trace":
		return first != ""
	case "xml":
		return strings.HasPrefix(first, "NOTIFY ") && strings.Contains(e.Attrs["message"], "<?xml")
	}
	return true
}

// about reports whether an entry concerns a name: as the attribute, as one side's address,
// or as the user of a URI in the header of a SIP message where that stands.
func about(e *Entry, attribute, name string) bool {
	if strings.EqualFold(e.Attrs[attribute], name) {
		return true
	}
	first := sip(e)
	if first == "" {
		return false
	}
	if remote := e.Attrs["remote"]; attribute == "watcher" && strings.Trim(remote[:max(strings.LastIndexByte(remote, ':'), 0)], "[]") == name {
		return true
	}
	head, _, _ := strings.Cut(e.Attrs["message"], "\r\n\r\n")
	// In a dialog of a SUBSCRIBE the watcher is From, in that of our NOTIFY it is To.
	ours := strings.Contains(head, " NOTIFY\r\n") || strings.HasSuffix(head, " NOTIFY")
	want := "from"
	if ours == (attribute == "watcher") {
		want = "to"
	}
	for line := range strings.SplitSeq(head, "\r\n") {
		key, value, _ := strings.Cut(line, ":")
		key = strings.ToLower(strings.TrimSpace(key))
		if key == want || want == "from" && key == "f" || want == "to" && key == "t" {
			return strings.Contains(value, ":"+name+"@")
		}
	}
	return false
}
