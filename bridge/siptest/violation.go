package siptest

import (
	"fmt"
	"strings"
	"time"
)

// Violation is one breach that a strict watcher saw.
type Violation struct {
	At time.Time
	// Rule is the RFC section, or "house" for the bridge's own promises.
	Rule string
	// Detail says what was wrong, with the values.
	Detail string
	// Text is the message at fault.
	Text string
}

// String is the rule and the detail, without the message.
func (v Violation) String() string { return v.Rule + ": " + v.Detail }

// Error makes a Violation usable as an error.
func (v Violation) Error() string { return v.String() }

// Describe lists violations, one a line, the message of the first one below.
func Describe(vs []Violation) string {
	var b strings.Builder
	for _, v := range vs {
		fmt.Fprintf(&b, "%s %s\n", v.At.Format("15:04:05.000"), v)
	}
	if len(vs) > 0 && vs[0].Text != "" {
		fmt.Fprintf(&b, "the first one in:\n%s\n", vs[0].Text)
	}
	return b.String()
}

// rules used in more than one place.
const (
	ruleVersion = "RFC 4235 §4.3"
	ruleCSeq    = "RFC 3261 §12.2.2"
	ruleDialog  = "RFC 3261 §12.2.1.1"
	ruleHeaders = "RFC 3261 §20"
	ruleHouse   = "house"
)
