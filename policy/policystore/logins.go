package policystore

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"blfbridge/policy"
)

// Session is an end user who is logged in on a phone (extension mobility).
type Session struct {
	Phone policy.PhoneRef
	policy.Login
	// Since is to the millisecond, UTC.
	Since time.Time
	// By is who logged the user in: the name of an administrator, or what acted for one.
	By string
}

// Moved is what a login put an end to.
type Moved struct {
	// Replaced is who was logged in on the phone before; empty if nobody, or the same user.
	Replaced string `json:"replaced,omitempty"`
	// Left is the phone where the user was logged in before; empty if on none other.
	Left string `json:"left,omitempty"`
}

// LoginEntry is one login or logout in the trail of them, which is bounded as the audit
// trail is. It is a trail of its own, so that a morning's logins do not push out the
// changes of the policy.
type LoginEntry struct {
	// Revision of the logins that the change made.
	Revision uint64
	// When is to the millisecond, UTC.
	When time.Time
	Who  string
	// Out: a logout; else a login.
	Out   bool
	Phone policy.PhoneRef
	policy.Login
	Moved
}

// LoginStore keeps who is logged in where, beside the document and apart from its
// revision. It knows no policy: whether a login is possible is the caller's to ask
// before, and one that the document does not allow any more counts for nothing
// (policy.Snapshot.WithLogins). All methods are safe for concurrent use, also by several
// processes on one Redis.
type LoginStore interface {
	// Sessions are those logged in, sorted by tenant and phone, and the revision of that,
	// one higher with every login and logout; 0 if there never was one.
	Sessions(ctx context.Context) ([]Session, uint64, error)
	// LogIn logs a user in on a phone, and out of every other phone of the tenant, in one
	// step: a profile is on one phone at a time. Whoever was logged in there is not any
	// more. n.Who is kept, n.What is not used. It returns the new revision.
	LogIn(ctx context.Context, phone policy.PhoneRef, in policy.Login, n Note) (Moved, uint64, error)
	// LogOut logs out whoever is logged in on a phone and returns who it was, with the new
	// revision; policy.ErrNotLoggedIn if nobody is.
	LogOut(ctx context.Context, phone policy.PhoneRef, n Note) (policy.Login, uint64, error)
	// LoginAudit is Audit for logins and logouts.
	LoginAudit(ctx context.Context, limit int) ([]LoginEntry, error)
	// WatchLogins is Watch for the revision of the logins.
	WatchLogins(ctx context.Context, fn func(revision uint64)) error
}

// LoginsOf are the sessions as policy.Snapshot.WithLogins takes them.
func LoginsOf(list []Session) policy.Logins {
	l := make(policy.Logins, len(list))
	for _, s := range list {
		l[s.Phone] = s.Login
	}
	return l
}

// storedLogin is the JSON of a session without its phone. Later versions may add to it:
// what is not known is read over, since a login is no rule.
type storedLogin struct {
	policy.Login
	Since int64  `json:"since"` // Unix milliseconds
	By    string `json:"by,omitempty"`
}

// storedLoginEntry is the JSON of a LoginEntry without its revision.
type storedLoginEntry struct {
	When int64  `json:"when"` // Unix milliseconds
	Who  string `json:"who,omitempty"`
	Out  bool   `json:"out,omitempty"`
	policy.PhoneRef
	policy.Login
	Moved
}

// loginField is the key of a phone's login: neither name holds the byte between them.
func loginField(tenant, name string) string { return tenant + "\x00" + name }

func encodeLogin(in policy.Login, by string, now time.Time) ([]byte, error) {
	text, err := json.Marshal(storedLogin{in, now.UnixMilli(), shortened(by)})
	if err != nil {
		return nil, fmt.Errorf("policystore: cannot encode the login: %w", err)
	}
	return text, nil
}

func decodeLogin(field string, text []byte) (Session, error) {
	var s storedLogin
	tenant, phone, ok := strings.Cut(field, "\x00")
	if err := json.Unmarshal(text, &s); err != nil || !ok {
		return Session{}, fmt.Errorf("%w: login %q", ErrCorrupt, field)
	}
	return Session{policy.PhoneRef{Tenant: tenant, Phone: phone}, s.Login, time.UnixMilli(s.Since).UTC(), s.By}, nil
}

func sortSessions(list []Session) []Session {
	slices.SortFunc(list, func(a, b Session) int {
		return cmp.Or(strings.Compare(a.Phone.Tenant, b.Phone.Tenant), strings.Compare(a.Phone.Phone, b.Phone.Phone))
	})
	return list
}

func encodeLoginEntry(e storedLoginEntry, now time.Time) ([]byte, error) {
	e.When, e.Who = now.UnixMilli(), shortened(e.Who)
	text, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("policystore: cannot encode the audit entry: %w", err)
	}
	return text, nil
}

func decodeLoginEntry(revision uint64, text []byte) (LoginEntry, error) {
	var s storedLoginEntry
	if err := json.Unmarshal(text, &s); err != nil {
		return LoginEntry{}, fmt.Errorf("%w: audit entry of login %d: %w", ErrCorrupt, revision, err)
	}
	return LoginEntry{revision, time.UnixMilli(s.When).UTC(), s.Who, s.Out, s.PhoneRef, s.Login, s.Moved}, nil
}

// nobody is the error of a logout where nobody is logged in.
func nobody(phone policy.PhoneRef) error {
	return fmt.Errorf("%w: %q of tenant %q", policy.ErrNotLoggedIn, phone.Phone, phone.Tenant)
}
