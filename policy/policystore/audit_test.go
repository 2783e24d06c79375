package policystore

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"blfbridge/policy"
)

func audited(t *testing.T, s subject) {
	if got, err := s.Audit(t.Context(), 0); err != nil || len(got) != 0 {
		t.Fatalf("of an empty store: %v, %v", got, err)
	}
	begun := time.Now().Add(-time.Millisecond)
	mustImport(t, s, sample(1), 0, 1)
	changes := policy.Diff(sample(1), sample(2))
	var what []string
	for _, c := range changes {
		what = append(what, c.String())
	}
	if _, err := s.ImportBy(t.Context(), sample(2), 1, Note{Who: "ann \"the admin\" ☎", What: what}); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if i == 1 {
			s.Store = s.reopen()
		}
		got, err := s.Audit(t.Context(), 0)
		if err != nil || len(got) != 2 {
			t.Fatalf("%v, %v", got, err)
		}
		if e := got[0]; e.Revision != 2 || e.Who != "ann \"the admin\" ☎" || !slices.Equal(e.What, what) || len(what) != 2 {
			t.Errorf("newest %+v", e)
		}
		if e := got[1]; e.Revision != 1 || e.Who != "" || len(e.What) != 0 || e.When.Before(begun) || e.When.After(time.Now()) || e.When.Location() != time.UTC {
			t.Errorf("oldest %+v", e)
		}
	}
	if got, err := s.Audit(t.Context(), 1); err != nil || len(got) != 1 || got[0].Revision != 2 {
		t.Errorf("one entry: %v, %v", got, err)
	}
}

func auditBounded(t *testing.T, s subject) {
	long := Note{Who: strings.Repeat("☎", MaxLine+1)}
	for i := range MaxWhat + 50 {
		long.What = append(long.What, fmt.Sprint("line ", i))
	}
	for i := range uint64(MaxEntries + 5) {
		n := long
		if i < MaxEntries {
			n = Note{Who: fmt.Sprint(i)}
		}
		if _, err := s.ImportBy(t.Context(), nil, i, n); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Audit(t.Context(), 2*MaxEntries)
	if err != nil || len(got) != MaxEntries || got[0].Revision != MaxEntries+5 || got[MaxEntries-1].Revision != 6 {
		t.Fatalf("%d entries, %v", len(got), err)
	}
	e := got[0]
	if utf8.RuneCountInString(e.Who) != MaxLine || len(e.What) != MaxWhat || e.What[MaxWhat-1] != "and 51 more" || e.What[0] != "line 0" {
		t.Errorf("%d lines, the last %q", len(e.What), e.What[len(e.What)-1])
	}
}

func auditRefused(t *testing.T, s subject) {
	mustImport(t, s, sample(1), 0, 1)
	if _, err := s.ImportBy(t.Context(), sample(1), 9, Note{Who: "late"}); !errors.Is(err, ErrConflict) {
		t.Fatal(err)
	}
	if _, err := s.ImportBy(t.Context(), &policy.Document{MaxSubscriptions: -1}, 1, Note{Who: "wrong"}); err == nil {
		t.Fatal("an invalid document was taken")
	}
	if got, err := s.Audit(t.Context(), 0); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
}
