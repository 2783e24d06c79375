package policystore

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"blfbridge/policy"
)

// concurrentEdits: of many editors none loses what another one did, and the trail names
// them all.
func concurrentEdits(t *testing.T, s subject) {
	const editors, each = 8, 5
	mustImport(t, s, sample(1), 0, 1)
	stale, revision, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range editors {
		wg.Go(func() {
			for j := range each {
				name := fmt.Sprintf("Group %d.%d", i, j)
				e := Edit{Who: name, IfRevision: AnyRevision, Change: func(d *policy.Document) (*policy.Document, error) {
					return policy.AddGroup(d, "", policy.PresenceGroup{Name: name})
				}}
				if i%2 == 0 { // what it knows is old soon
					e.Known = func() (*policy.Document, uint64) { return stale, revision }
				}
				done, err := e.Apply(t.Context(), s)
				if err != nil || len(done.Changes) != 1 || done.Changes[0].Name != name {
					t.Errorf("%s: %+v, %v", name, done.Changes, err)
				}
			}
		})
	}
	wg.Wait()
	d := mustLoad(t, s, 1+editors*each)
	if n := len(d.Tenants[0].PresenceGroups); n != 2+editors*each {
		t.Errorf("%d groups", n)
	}
	trail, err := s.Audit(t.Context(), 0)
	if err != nil || len(trail) != 1+editors*each {
		t.Fatalf("%d entries, %v", len(trail), err)
	}
	for _, e := range trail[:editors*each] {
		if len(e.What) != 1 || !strings.HasSuffix(e.What[0], e.Who) {
			t.Errorf("%+v", e)
		}
	}
}

// edits: a revision that another one took the place of, a dry run and a change that fails
// change nothing, and a check has the last word.
func edits(t *testing.T, s subject) {
	mustImport(t, s, sample(1), 0, 1)
	add := func(d *policy.Document) (*policy.Document, error) {
		return policy.AddGroup(d, "", policy.PresenceGroup{Name: "New"})
	}
	no := errors.New("no")
	for _, e := range []Edit{
		{IfRevision: 0, Change: add},
		{IfRevision: 7, Change: add, Known: func() (*policy.Document, uint64) { return sample(1), 7 }},
		{IfRevision: 1, Change: func(*policy.Document) (*policy.Document, error) { return nil, no }},
		{IfRevision: 1, Change: add, Check: func(*policy.Document) error { return no }},
	} {
		if _, err := e.Apply(t.Context(), s); !errors.Is(err, ErrConflict) && !errors.Is(err, no) {
			t.Errorf("%+v: %v", e, err)
		}
	}
	if done, err := (Edit{IfRevision: 1, DryRun: true, Change: add}).Apply(t.Context(), s); err != nil || done.Revision != 1 || len(done.Changes) != 1 {
		t.Errorf("%+v, %v", done, err)
	}
	mustLoad(t, s, 1)
	many := func(*policy.Document) (*policy.Document, error) { return sample(500), nil }
	done, err := Edit{IfRevision: 1, Change: many, Known: func() (*policy.Document, uint64) { return &policy.Document{}, 0 }}.Apply(t.Context(), s)
	if err != nil || done.Revision != 2 || len(done.Changes) != 998 {
		t.Fatalf("%d changes, %v", len(done.Changes), err)
	}
	trail, err := s.Audit(t.Context(), 1)
	if err != nil || len(trail[0].What) != MaxWhat || trail[0].What[MaxWhat-1] != "and 899 more" {
		t.Errorf("%+v, %v", trail, err)
	}
}
