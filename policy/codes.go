package policy

import (
	"cmp"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrPIN: the PIN that was dialled is not the user's.
var ErrPIN = errors.New("policy: the PIN is missing or wrong")

// PINs have MinPIN to MaxPIN digits.
const (
	MinPIN = 4
	MaxPIN = 20
)

// Feature is what a phone asks for by dialling.
type Feature uint8

const (
	// NoFeature: an ordinary number.
	NoFeature Feature = iota
	// FeatureLogin and FeatureLogout are those of extension mobility.
	FeatureLogin
	FeatureLogout
)

// Features reports whether any tenant has a code. It looks at every tenant.
func (s *Snapshot) Features() bool {
	for _, t := range s.tenants {
		if t.login != "" || t.logout != "" {
			return true
		}
	}
	return false
}

// Feature finds the tenant's login or logout code in front of what a phone dialled (the
// user part of a URI, escapes and all); rest is what follows it.
func (s *Snapshot) Feature(tenant, dialled string) (f Feature, rest string) {
	t := s.tenants[tenant]
	if t == nil || t.login == "" && t.logout == "" {
		return NoFeature, ""
	}
	user := strings.TrimSuffix(unescape(dialled), "#") // which ends dialling on many phones
	if rest, ok := strings.CutPrefix(user, t.login); ok && t.login != "" && rest != "" {
		return FeatureLogin, rest
	}
	if t.logout != "" && user == t.logout {
		return FeatureLogout, ""
	}
	return NoFeature, ""
}

// DialledLogin is the login that a phone dialled behind the login code, "user" or
// "user*pin": ErrNoUser or ErrPIN if it is none. The user is a user id, or the primary
// line of a device profile of one user, which the login then names.
func (s *Snapshot) DialledLogin(tenant, rest string) (Login, error) {
	user, pin, _ := strings.Cut(rest, "*")
	t := s.tenants[tenant]
	if t == nil {
		return Login{}, fmt.Errorf("%w: %q", ErrNoUser, user)
	}
	in := Login{UserID: user}
	u := t.users[user]
	if u == nil {
		if in, u = t.byProfile(t.dial.normalise(user)); u == nil {
			return Login{}, fmt.Errorf("%w: %q", ErrNoUser, user)
		}
	}
	if subtle.ConstantTimeCompare([]byte(u.pin), []byte(pin)) != 1 {
		return Login{}, fmt.Errorf("%w: of %q", ErrPIN, in.UserID)
	}
	return in, nil
}

// byProfile finds the one user who has a device profile with that primary line.
func (t *tenant) byProfile(number string) (in Login, user *watcherEntry) {
	for id, u := range t.users {
		for _, name := range u.profiles {
			if p := t.profiles[name]; len(p.lines) == 0 || p.lines[0].Number != number {
				continue
			}
			if user != nil && user != u {
				return Login{}, nil // whose it is cannot be told
			}
			if user == nil || slices.Index(u.profiles, name) < slices.Index(u.profiles, in.Profile) {
				in, user = Login{id, name}, u
			}
		}
	}
	return in, user
}

// codes checks what is dialled for features: no code may hide another.
func (v *validator) codes(path string, t *Tenant) {
	codes := []struct{ key, code string }{
		{"pickup_code", cmp.Or(t.PickupCode, DefaultPickupCode)}, {"login_code", t.LoginCode}, {"logout_code", t.LogoutCode},
	}
	for i, c := range codes {
		if strings.ContainsFunc(c.code, func(r rune) bool { return !strings.ContainsRune("0123456789*#", r) }) {
			v.add(path+"."+c.key, "%q is no code: digits, * and # such as \"*89\"", c.code)
			continue
		}
		for _, o := range codes[:i] {
			if c.code != "" && o.code != "" && (strings.HasPrefix(c.code, o.code) || strings.HasPrefix(o.code, c.code)) {
				v.add(path+"."+c.key, "%q and the %s %q begin alike, so that a phone cannot dial both", c.code, o.key, o.code)
			}
		}
	}
}

func (v *validator) pin(path string, pin PIN) {
	if pin != "" && (len(pin) < MinPIN || len(pin) > MaxPIN || !allDigits(string(pin))) {
		v.add(path, "a PIN has %d to %d digits", MinPIN, MaxPIN) // and is not repeated here
	}
}
