package policystore

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The audit trail is bounded: the newest MaxEntries are kept, each with at most MaxWhat
// lines of MaxLine characters.
const (
	MaxEntries = 1000
	MaxWhat    = 100
	MaxLine    = 500
)

// Note says of a change who makes it and what it is.
type Note struct {
	// Who is the name of an administrator, or what acted for one ("cli", "rest").
	Who string
	// What is a line for each change, such as policy.Diff tells. No secrets.
	What []string
	// More is how many changes What leaves out.
	More int
}

// Entry is one change in the audit trail.
type Entry struct {
	// Revision is the one that the change made.
	Revision uint64
	// When is to the millisecond, UTC.
	When time.Time
	Who  string
	What []string
}

// stored is the JSON of an entry without its revision.
type stored struct {
	When int64    `json:"when"` // Unix milliseconds
	Who  string   `json:"who,omitempty"`
	What []string `json:"what,omitempty"`
}

// encodeEntry makes the stored form of a note.
func encodeEntry(n Note, now time.Time) ([]byte, error) {
	what := n.What
	if over := len(what) - MaxWhat; over > 0 || n.More > 0 {
		kept := min(len(what), MaxWhat-1)
		more := len(what) - kept + n.More
		what = append(append([]string(nil), what[:kept]...), "and "+strconv.Itoa(more)+" more")
	}
	s := stored{When: now.UnixMilli(), Who: shortened(n.Who)}
	for _, line := range what {
		s.What = append(s.What, shortened(line))
	}
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("policystore: cannot encode the audit entry: %w", err)
	}
	return text, nil
}

func shortened(s string) string {
	s = strings.ToValidUTF8(s, "�")
	if utf8.RuneCountInString(s) <= MaxLine {
		return s
	}
	return string([]rune(s)[:MaxLine-1]) + "…"
}

func decodeEntry(revision uint64, text []byte) (Entry, error) {
	var s stored
	if err := json.Unmarshal(text, &s); err != nil {
		return Entry{}, fmt.Errorf("%w: audit entry of revision %d: %w", ErrCorrupt, revision, err)
	}
	return Entry{revision, time.UnixMilli(s.When).UTC(), s.Who, s.What}, nil
}

// bounded is how many entries Audit returns for a limit.
func bounded(limit int) int {
	if limit <= 0 || limit > MaxEntries {
		return MaxEntries
	}
	return limit
}
