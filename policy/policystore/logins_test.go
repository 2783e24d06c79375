package policystore

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"blfbridge/policy"
)

func phoneOf(name string) policy.PhoneRef { return policy.PhoneRef{Tenant: "acme", Phone: name} }

func mustLogIn(t *testing.T, s Store, phone policy.PhoneRef, user string, want uint64) Moved {
	t.Helper()
	moved, revision, err := s.LogIn(t.Context(), phone, policy.Login{UserID: user}, Note{Who: "test"})
	if err != nil || revision != want {
		t.Fatalf("%s on %s: revision %d, error %v, want revision %d", user, phone.Phone, revision, err, want)
	}
	return moved
}

func wantLogins(t *testing.T, s Store, revision uint64, want policy.Logins) {
	t.Helper()
	list, got, err := s.Sessions(t.Context())
	if err != nil || got != revision || !reflect.DeepEqual(LoginsOf(list), want) {
		t.Fatalf("%v of revision %d, error %v; want %v of %d", list, got, err, want, revision)
	}
}

func loggedIn(t *testing.T, s subject) {
	wantLogins(t, s, 0, policy.Logins{})
	begun := time.Now().Add(-time.Millisecond)
	profile := policy.Login{UserID: "ann", Profile: "tra\"vel"}
	moved, revision, err := s.LogIn(t.Context(), phoneOf("B"), profile, Note{Who: "admin ☎"})
	if err != nil || revision != 1 || moved != (Moved{}) {
		t.Fatal(moved, revision, err)
	}
	mustLogIn(t, s, phoneOf("A"), "bob", 2)
	mustLogIn(t, s, policy.PhoneRef{Tenant: "other", Phone: "A"}, "ann", 3) // of another tenant: another person
	for i := range 2 {
		if i == 1 {
			s.Store = s.reopen()
		}
		list, revision, err := s.Sessions(t.Context())
		if err != nil || revision != 3 || len(list) != 3 {
			t.Fatal(list, revision, err)
		}
		if list[0].Phone != phoneOf("A") || list[1].Phone != phoneOf("B") || list[2].Phone.Tenant != "other" {
			t.Errorf("not sorted: %v", list)
		}
		if b := list[1]; b.Login != profile || b.By != "admin ☎" || b.Since.Before(begun) || b.Since.After(time.Now()) || b.Since.Location() != time.UTC {
			t.Errorf("%+v", b)
		}
	}
	who, revision, err := s.LogOut(t.Context(), phoneOf("B"), Note{})
	if err != nil || revision != 4 || who != profile {
		t.Fatal(who, revision, err)
	}
	if _, _, err := s.LogOut(t.Context(), phoneOf("B"), Note{}); !errors.Is(err, policy.ErrNotLoggedIn) {
		t.Error(err)
	}
	wantLogins(t, s, 4, policy.Logins{phoneOf("A"): {UserID: "bob"}, {Tenant: "other", Phone: "A"}: {UserID: "ann"}})
	mustLogIn(t, s, phoneOf("B"), "ann", 5) // her phone was forgotten with the logout
	if moved := mustLogIn(t, s, phoneOf("B"), "ann", 6); moved != (Moved{}) {
		t.Errorf("again on the same phone: %+v", moved)
	}
}

// onePhone: a user is on one phone, and a phone has one user, as policy.Logins has it.
func onePhone(t *testing.T, s subject) {
	mustLogIn(t, s, phoneOf("A"), "ann", 1)
	mustLogIn(t, s, phoneOf("B"), "bob", 2)
	if moved := mustLogIn(t, s, phoneOf("B"), "ann", 3); moved != (Moved{Replaced: "bob", Left: "A"}) {
		t.Errorf("%+v", moved)
	}
	wantLogins(t, s, 3, policy.Logins{phoneOf("B"): {UserID: "ann"}})
	if moved := mustLogIn(t, s, phoneOf("C"), "bob", 4); moved != (Moved{}) {
		t.Errorf("bob had no phone: %+v", moved)
	}
}

func loginsAudited(t *testing.T, s subject) {
	if got, err := s.LoginAudit(t.Context(), 0); err != nil || len(got) != 0 {
		t.Fatal(got, err)
	}
	mustLogIn(t, s, phoneOf("A"), "ann", 1)
	mustLogIn(t, s, phoneOf("B"), "bob", 2)
	mustLogIn(t, s, phoneOf("B"), "ann", 3)
	if _, _, err := s.LogOut(t.Context(), phoneOf("B"), Note{Who: "cli"}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.LogOut(t.Context(), phoneOf("B"), Note{}); err == nil {
		t.Fatal("logged out twice")
	}
	got, err := s.LoginAudit(t.Context(), 2)
	if err != nil || len(got) != 2 {
		t.Fatal(got, err)
	}
	for i, want := range []LoginEntry{
		{Revision: 4, Who: "cli", Out: true, Phone: phoneOf("B"), Login: policy.Login{UserID: "ann"}},
		{Revision: 3, Who: "test", Phone: phoneOf("B"), Login: policy.Login{UserID: "ann"}, Moved: Moved{Replaced: "bob", Left: "A"}},
	} {
		if age := time.Since(got[i].When); age < 0 || age > time.Minute {
			t.Errorf("at %v", got[i].When)
		}
		if got[i].When = (time.Time{}); !reflect.DeepEqual(got[i], want) {
			t.Errorf("%+v, want %+v", got[i], want)
		}
	}
	// It is a trail apart from that of the document, and bounded as that one is.
	mustImport(t, s, sample(1), 0, 1)
	for i := range uint64(MaxEntries) {
		mustLogIn(t, s, phoneOf("A"), "ann", i+5)
	}
	got, err = s.LoginAudit(t.Context(), 0)
	if err != nil || len(got) != MaxEntries || got[MaxEntries-1].Revision != 5 {
		t.Errorf("%d entries, %v", len(got), err)
	}
	if doc, err := s.Audit(t.Context(), 0); err != nil || len(doc) != 1 {
		t.Errorf("%v, %v", doc, err)
	}
}

// loginsRace: many log in on many phones at once, by two processes; every user is on one
// phone and every phone's user knows it.
func loginsRace(t *testing.T, s subject) {
	const users, rounds = 6, 10
	var wg sync.WaitGroup
	for u := range users {
		wg.Go(func() {
			for i := range rounds {
				phone := phoneOf(fmt.Sprint((u + i) % 4))
				if _, _, err := s.LogIn(t.Context(), phone, policy.Login{UserID: fmt.Sprint("user", u)}, Note{}); err != nil {
					t.Error(err)
				}
				if i%4 == 3 {
					if _, _, err := s.LogOut(t.Context(), phone, Note{}); err != nil && !errors.Is(err, policy.ErrNotLoggedIn) {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	list, revision, err := s.Sessions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	trail, err := s.LoginAudit(t.Context(), 0)
	if err != nil || uint64(len(trail)) != revision || revision < users*rounds {
		t.Fatalf("%d entries of revision %d, %v", len(trail), revision, err)
	}
	// The trail, played again, ends where the store is: no change was lost.
	played := policy.Logins{}
	for i := len(trail) - 1; i >= 0; i-- {
		switch e := trail[i]; {
		case e.Out:
			if played[e.Phone] != e.Login {
				t.Errorf("%+v, when %v was there", e, played[e.Phone])
			}
			delete(played, e.Phone)
		default:
			if e.Left != "" {
				delete(played, phoneOf(e.Left))
			}
			played[e.Phone] = e.Login
		}
		seen := map[string]bool{}
		for _, in := range played {
			if seen[in.UserID] {
				t.Fatalf("after revision %d %s is on two phones", trail[i].Revision, in.UserID)
			}
			seen[in.UserID] = true
		}
	}
	if got := LoginsOf(list); !reflect.DeepEqual(got, played) {
		t.Errorf("%v, but the trail says %v", got, played)
	}
}

func loginsWatched(t *testing.T, s subject) {
	told := watchOf(t, s.WatchLogins)
	documents := watch(t, s)
	awaits(t, told, 0)
	awaits(t, documents, 0)
	mustLogIn(t, s, phoneOf("A"), "ann", 1)
	awaits(t, told, 1)
	if _, _, err := s.LogOut(t.Context(), phoneOf("A"), Note{}); err != nil {
		t.Fatal(err)
	}
	awaits(t, told, 2)
	select {
	case r := <-documents:
		t.Errorf("a watcher of the document was told %d", r)
	case <-time.After(50 * time.Millisecond):
	}
}

// importKeepsLogins: the document comes and goes, who is logged in stays.
func importKeepsLogins(t *testing.T, s subject) {
	mustImport(t, s, sample(1), 0, 1)
	mustLogIn(t, s, phoneOf("SEP10000"), "ann", 1)
	mustImport(t, s, nil, 1, 2)
	wantLogins(t, s, 1, policy.Logins{phoneOf("SEP10000"): {UserID: "ann"}})
	mustLoad(t, s, 2)
}
