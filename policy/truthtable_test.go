package policy

import (
	"fmt"
	"testing"
)

// TestTrunkTruthTable is Accept Presence Subscription × digest × application level
// authorization × who holds credentials, every cell. "trunk" and "app" are 200 by the
// group of the one or the other, as the groups of this policy make visible.
func TestTrunkTruthTable(t *testing.T) {
	const (
		refused = "403"
		ask     = "401"
		invalid = "not saved"
	)
	who := []struct {
		name string
		w    Watcher
	}{
		{"nobody", Watcher{Tenant: "t", Kind: WatcherTrunk, ID: "K"}},
		{"the trunk's own digest user", Watcher{Tenant: "t", Kind: WatcherTrunk, ID: "K", Trusted: true}},
		{"an application user that does not exist", Watcher{Tenant: "t", Kind: WatcherApplication, ID: "gone", Trunk: "K", Trusted: true}},
		{"an application user that does not accept", Watcher{Tenant: "t", Kind: WatcherApplication, ID: "shut", Trunk: "K", Trusted: true}},
		{"an application user that accepts", Watcher{Tenant: "t", Kind: WatcherApplication, ID: "open", Trunk: "K", Trusted: true}},
		{"an application user that accepts, without group", Watcher{Tenant: "t", Kind: WatcherApplication, ID: "bare", Trunk: "K", Trusted: true}},
		{"one that accepts, credentials not held", Watcher{Tenant: "t", Kind: WatcherApplication, ID: "open", Trunk: "K"}},
	}
	for _, row := range []struct {
		accept, digest, authorize bool
		want                      [7]string // as who
	}{
		{false, false, false, [7]string{refused, refused, refused, refused, refused, refused, refused}},
		{false, true, false, [7]string{refused, refused, refused, refused, refused, refused, refused}},
		{false, true, true, [7]string{refused, refused, refused, refused, refused, refused, refused}},
		{false, false, true, [7]string{invalid, invalid, invalid, invalid, invalid, invalid, invalid}},
		{true, false, true, [7]string{invalid, invalid, invalid, invalid, invalid, invalid, invalid}},
		// Nobody is authenticated, so nobody is an application: all is accepted.
		{true, false, false, [7]string{"trunk", "trunk", "trunk", "trunk", "trunk", "trunk", "trunk"}},
		{true, true, false, [7]string{ask, "trunk", "trunk", "trunk", refused, refused, ask}},
		{true, true, true, [7]string{ask, refused, refused, refused, "app", "trunk", ask}},
	} {
		doc := &Document{Tenants: []Tenant{{
			Name: "t", PresenceGroups: []PresenceGroup{{Name: "trunk"}, {Name: "app"}},
			Lines: []DirectoryNumber{{Number: "1", PresenceGroup: "trunk"}, {Number: "2", PresenceGroup: "app"}},
			TrunkSecurityProfiles: []TrunkSecurityProfile{{
				Name: "p", AcceptPresenceSubscription: row.accept, Digest: row.digest, ApplicationLevelAuthorization: row.authorize}},
			Trunks: []Trunk{{Name: "K", SecurityProfile: "p", PresenceGroup: "trunk"}},
			ApplicationUsers: []ApplicationUser{
				{UserID: "shut", PresenceGroup: "app"},
				{UserID: "open", PresenceGroup: "app", AcceptPresenceSubscription: true},
				{UserID: "bare", AcceptPresenceSubscription: true},
			},
		}}}
		snap, err := Compile(doc)
		for i, c := range who {
			got := invalid
			if err == nil {
				got = ""
				for number, group := range map[string]string{"1": "trunk", "2": "app"} {
					d := Decide(snap, c.w, Target{Tenant: "t", Number: number}, Counts{})
					switch {
					case d.Step == StepWatcher && d.Outcome == Refused:
						got = refused
					case d.Step == StepWatcher && d.Outcome == Challenged:
						got = ask
					case d.Allow():
						got += group
					}
				}
			}
			if got != row.want[i] {
				t.Errorf("accept %v, digest %v, application authorization %v, %s: got %q, want %q",
					row.accept, row.digest, row.authorize, c.name, got, row.want[i])
			}
		}
	}
}

// TestTrunkWatcher: what credentials make of a trunk's request.
func TestTrunkWatcher(t *testing.T) {
	s := compileYAML(t, `
tenants:
  - name: t
    phones: [{name: P, digest: {username: p, password: x}}]
    trunks: [{name: K, digest: {username: k, password: x}}, {name: L, digest: {username: l, password: x}}]
    application_users: [{user_id: app, digest: {username: a, password: x}}]
    authenticate_credentials: [{tag: 2, location: b.csv}, {tag: 1, location: a.csv}]
  - name: u
    application_users: [{user_id: app, digest: {username: a, password: x}}]
`).WithCredentials(map[string][]FileCredential{"t": {{"file", "x"}, {"k", "shadowed"}, {"file", "later"}}})
	if f := s.CredentialFiles("t"); len(f) != 2 || f[0].Tag != 1 {
		t.Errorf("files %+v", f)
	}
	if c, _ := s.Credentials("t", "k"); c.Password != "x" {
		t.Error("a credential file shadows the document")
	}
	if c, _ := s.Credentials("t", "file"); c.Password != "x" {
		t.Error("the lower tag's password does not win")
	}
	for _, user := range []string{"k", "a", "file", "K", "app"} {
		if w, ok := s.WatcherByIdentity("t", user); ok {
			t.Errorf("whoever writes %q in From is taken for %+v", user, w)
		}
	}
	k := Watcher{Tenant: "t", Kind: WatcherTrunk, ID: "K"}
	held := Watcher{Tenant: "t", Kind: WatcherTrunk, ID: "K", Trusted: true}
	for user, want := range map[string]Watcher{
		"t/k": held, "t/file": held, "t/l": k, "t/p": k, "u/a": k,
		"t/a": {Tenant: "t", Kind: WatcherApplication, ID: "app", Trunk: "K", Trusted: true},
	} {
		c, ok := s.Credentials(user[:1], user[2:])
		if !ok {
			t.Fatal(user)
		}
		if got := s.TrunkWatcher(k, c); got != want {
			t.Errorf("%s: %+v, want %+v", user, got, want)
		}
	}
	if got := fmt.Sprint(s.WithLogins(nil).Credentials("t", "file")); got == fmt.Sprint(s.WithCredentials(nil).Credentials("t", "file")) {
		t.Error("files are kept when they are gone, or lost with a login")
	}
}
