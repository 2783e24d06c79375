package policystore

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"blfbridge/policy"
)

// home is one kind of store: fresh makes an empty one, reopen another value for the
// same content, and spoil puts raw JSON in the place of the document.
type home struct {
	fresh func(t *testing.T) subject
}

type subject struct {
	Store
	reopen func() Store
	spoil  func(json string)
}

func suite(t *testing.T, h home) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, subject)
	}{
		{"an empty store has an empty document of revision 0", emptyStore},
		{"what is imported is loaded", roundTrip},
		{"it is still there for another process", reopened},
		{"an older revision conflicts and changes nothing", conflicts},
		{"any revision overwrites", anyRevision},
		{"an invalid document is refused whole", invalidRefused},
		{"a document of a newer version is not misread", newerVersion},
		{"concurrent writers lose nothing", concurrentWriters},
		{"a large document fits", largeDocument},
		{"every import is in the audit trail, the newest first", audited},
		{"the audit trail is bounded", auditBounded},
		{"a refused import leaves no trace", auditRefused},
		{"an edit sees what it changes", edits},
		{"concurrent edits lose nothing", concurrentEdits},
		{"a watcher is told the current revision and each last one", watched},
		{"a watcher may import", watcherImports},
		{"a cancelled context ends it", cancelled},
		{"a login is there for another process until the logout", loggedIn},
		{"a user is on one phone, and a phone has one user", onePhone},
		{"every login and logout is in a trail", loginsAudited},
		{"concurrent logins lose nothing", loginsRace},
		{"a watcher of the logins is told of each last one", loginsWatched},
		{"an import keeps the logins", importKeepsLogins},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, h.fresh(t)) })
	}
}

func sample(n int) *policy.Document {
	view, no := policy.ViewRinging, false
	d := &policy.Document{
		DefaultInterPresenceGroupSubscription: policy.Disallow,
		UnknownWatchers:                       policy.UnknownWatchers{TrustedNetworks: []string{"10.0.0.0/8"}},
		Tenants: []policy.Tenant{{
			Name: "acme", Domains: []string{"acme.example"}, CountryCode: "1", Learn: &no,
			PresenceGroups: []policy.PresenceGroup{{Name: "Sales"}, {Name: "Board", Description: "<the> \"board\" ☎"}},
			Permissions:    []policy.GroupPermission{{From: "Sales", To: "Board", Subscribe: policy.Allow, View: &view, Pickup: &no}},
		}},
	}
	t := &d.Tenants[0]
	for i := range n {
		number := fmt.Sprint(10000 + i)
		t.Lines = append(t.Lines, policy.DirectoryNumber{Number: number, PresenceGroup: "Sales", LineOptions: policy.LineOptions{AllowWatch: &no}})
		t.Phones = append(t.Phones, policy.Phone{Name: "SEP" + number, Lines: []string{number}, BLFButtons: []policy.BLFButton{{Number: "10000"}}})
	}
	return d
}

func mustLoad(t *testing.T, s Store, wantRevision uint64) *policy.Document {
	t.Helper()
	d, revision, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if revision != wantRevision {
		t.Fatalf("revision %d, want %d", revision, wantRevision)
	}
	return d
}

func mustImport(t *testing.T, s Store, d *policy.Document, ifRevision, want uint64) {
	t.Helper()
	got, err := s.Import(t.Context(), d, ifRevision)
	if err != nil || got != want {
		t.Fatalf("import: revision %d, error %v, want revision %d", got, err, want)
	}
}

func emptyStore(t *testing.T, s subject) {
	if d := mustLoad(t, s, 0); !reflect.DeepEqual(d, &policy.Document{}) {
		t.Errorf("document %+v", d)
	}
}

func roundTrip(t *testing.T, s subject) {
	mustImport(t, s, sample(3), 0, 1)
	if d := mustLoad(t, s, 1); !reflect.DeepEqual(d, sample(3)) {
		t.Errorf("got %+v", d)
	}
	mustImport(t, s, nil, 1, 2)
	if d := mustLoad(t, s, 2); !reflect.DeepEqual(d, &policy.Document{}) {
		t.Errorf("got %+v", d)
	}
}

func reopened(t *testing.T, s subject) {
	mustImport(t, s, sample(1), 0, 1)
	other := s.reopen()
	if d := mustLoad(t, other, 1); !reflect.DeepEqual(d, sample(1)) {
		t.Errorf("got %+v", d)
	}
	mustImport(t, other, sample(2), 1, 2)
}

func conflicts(t *testing.T, s subject) {
	if _, err := s.Import(t.Context(), sample(1), 7); !errors.Is(err, ErrConflict) {
		t.Errorf("import over nothing: %v", err)
	}
	mustLoad(t, s, 0)
	mustImport(t, s, sample(1), 0, 1)
	for _, seen := range []uint64{0, 2} {
		if _, err := s.Import(t.Context(), sample(2), seen); !errors.Is(err, ErrConflict) {
			t.Errorf("import having seen %d: %v", seen, err)
		}
	}
	if d := mustLoad(t, s, 1); len(d.Tenants[0].Lines) != 1 {
		t.Error("a refused import was stored")
	}
}

func anyRevision(t *testing.T, s subject) {
	mustImport(t, s, sample(1), AnyRevision, 1)
	mustImport(t, s, sample(2), AnyRevision, 2)
}

func invalidRefused(t *testing.T, s subject) {
	mustImport(t, s, sample(1), 0, 1)
	bad := sample(2)
	bad.Tenants[0].Lines[0].PresenceGroup = "Sails"
	bad.Tenants[0].Permissions[0].To = "Bored"
	_, err := s.Import(t.Context(), bad, 1)
	var problems policy.Problems
	if !errors.As(err, &problems) || len(problems) != 2 {
		t.Errorf("got %v, want both problems", err)
	}
	mustLoad(t, s, 1)
}

func newerVersion(t *testing.T, s subject) {
	mustImport(t, s, sample(1), 0, 1)
	for _, raw := range []string{`{"no_such_key":1}`, `{"tenants":`, `{}{}`, ``} {
		s.spoil(raw)
		if _, _, err := s.Load(t.Context()); !errors.Is(err, ErrCorrupt) {
			t.Errorf("stored %q: error %v", raw, err)
		}
	}
	mustImport(t, s, sample(1), 1, 2) // it can be mended
	mustLoad(t, s, 2)
}

func concurrentWriters(t *testing.T, s subject) {
	const writers, each = 8, 5
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				for {
					d, revision, err := s.Load(t.Context())
					if err != nil {
						t.Error(err)
						return
					}
					d.Tenants = append(d.Tenants, policy.Tenant{Name: fmt.Sprintf("w%d-%d", w, i)})
					if _, err = s.Import(t.Context(), d, revision); err == nil {
						break
					}
					if !errors.Is(err, ErrConflict) {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	if d := mustLoad(t, s, writers*each); len(d.Tenants) != writers*each {
		t.Errorf("%d tenants, want %d: a write was lost", len(d.Tenants), writers*each)
	}
}

func largeDocument(t *testing.T, s subject) {
	want := sample(20_000)
	mustImport(t, s, want, 0, 1)
	if d := mustLoad(t, s, 1); !reflect.DeepEqual(d, want) {
		t.Error("came back differently")
	}
}

// watch runs Watch until the test ends and returns what it tells.
func watch(t *testing.T, s Store) <-chan uint64 {
	t.Helper()
	return watchOf(t, s.Watch)
}

func watchOf(t *testing.T, watch func(context.Context, func(uint64)) error) <-chan uint64 {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	told, done := make(chan uint64, 1000), make(chan error, 1)
	go func() { done <- watch(ctx, func(r uint64) { told <- r }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("watch: %v", err)
		}
	})
	return told
}

// awaits reads until want is told; revisions only ever grow on the way.
func awaits(t *testing.T, told <-chan uint64, want uint64) {
	t.Helper()
	limit := time.After(20 * time.Second)
	for last := uint64(0); ; {
		select {
		case r := <-told:
			if r < last || r > want {
				t.Fatalf("told %d after %d, waiting for %d", r, last, want)
			}
			if last = r; r == want {
				return
			}
		case <-limit:
			t.Fatalf("never told of revision %d", want)
		}
	}
}

func watched(t *testing.T, s subject) {
	one, two := watch(t, s), watch(t, s)
	awaits(t, one, 0)
	awaits(t, two, 0)
	mustImport(t, s, sample(1), 0, 1)
	awaits(t, one, 1)
	awaits(t, two, 1)
	for r := range uint64(20) {
		mustImport(t, s, sample(1), r+1, r+2)
	}
	awaits(t, one, 21)
	awaits(t, two, 21)
	awaits(t, watch(t, s), 21) // one that comes late
	if _, err := s.Import(t.Context(), sample(1), 3); !errors.Is(err, ErrConflict) {
		t.Error(err)
	}
	select {
	case r := <-one:
		t.Errorf("told %d, though nothing changed", r)
	case <-time.After(50 * time.Millisecond):
	}
}

func watcherImports(t *testing.T, s subject) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := s.Watch(ctx, func(r uint64) {
		if r == 3 {
			cancel()
			return
		}
		mustImport(t, s, sample(1), r, r+1)
	})
	if err != nil {
		t.Fatal(err)
	}
	mustLoad(t, s, 3)
}

func cancelled(t *testing.T, s subject) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.Load(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("load: %v", err)
	}
	if _, err := s.Import(ctx, sample(1), 0); !errors.Is(err, context.Canceled) {
		t.Errorf("import: %v", err)
	}
	if err := s.Watch(ctx, func(uint64) {}); err != nil {
		t.Errorf("watch: %v", err)
	}
	if _, _, err := s.LogIn(ctx, phoneOf("A"), policy.Login{UserID: "ann"}, Note{}); !errors.Is(err, context.Canceled) {
		t.Errorf("login: %v", err)
	}
	if _, _, err := s.Sessions(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("logins: %v", err)
	}
	mustLoad(t, s, 0)
	wantLogins(t, s, 0, policy.Logins{})
}
