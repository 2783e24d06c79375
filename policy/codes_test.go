package policy

import (
	"errors"
	"strings"
	"testing"
)

const dialled = `
tenants:
  - name: t
    login_code: "*56"
    logout_code: "*57"
    lines: [{number: 2001, aliases: [12001]}, {number: 3001}, {number: 4001}]
    phones: [{name: A, lines: [1001], extension_mobility: true}]
    device_profiles: [{name: desk, lines: [2001, 3001]}, {name: travel, lines: [3001]}, {name: shared, lines: [4001]}, {name: bare}]
    end_users:
      - {user_id: ann, device_profiles: [bare, desk, travel], pin: "0815"}
      - {user_id: "4711", device_profiles: [shared]}
      - {user_id: bob, device_profiles: [shared]}
  - {name: off}
`

// TestFeature: the codes are found however they are escaped, and only where there are any.
func TestFeature(t *testing.T) {
	s := compileYAML(t, dialled)
	for _, c := range []struct {
		tenant, dialled, rest string
		want                  Feature
	}{
		{"t", "*562001*0815", "2001*0815", FeatureLogin},
		{"t", "%2A562001%2A0815%23", "2001*0815", FeatureLogin},
		{"t", "*56ann*0815", "ann*0815", FeatureLogin},
		{"t", "*57", "", FeatureLogout},
		{"t", "*57#", "", FeatureLogout},
		{"t", "*56", "", NoFeature},
		{"t", "*571", "", NoFeature},
		{"t", "*891001", "", NoFeature},
		{"t", "562001", "", NoFeature},
		{"off", "*562001", "", NoFeature},
		{"off", "", "", NoFeature},
		{"none", "*57", "", NoFeature},
	} {
		if f, rest := s.Feature(c.tenant, c.dialled); f != c.want || rest != c.rest {
			t.Errorf("%s of %s: %v %q", c.dialled, c.tenant, f, rest)
		}
	}
}

// TestDialledLogin: a keypad names a user by id or by the primary line of a profile.
func TestDialledLogin(t *testing.T) {
	s := compileYAML(t, dialled)
	for rest, want := range map[string]any{
		"ann*0815":   Login{UserID: "ann"},
		"2001*0815":  Login{UserID: "ann", Profile: "desk"},
		"3001*0815":  Login{UserID: "ann", Profile: "travel"},
		"4711":       Login{UserID: "4711"},
		"4711*1":     ErrPIN,
		"2001":       ErrPIN,
		"2001*":      ErrPIN,
		"2001*08150": ErrPIN,
		"12001*0815": ErrNoUser, // an alias is not the primary line's number
		"4001":       ErrNoUser, // of two users' profiles
		"9999*0815":  ErrNoUser,
		"*0815":      ErrNoUser,
	} {
		in, err := s.DialledLogin("t", rest)
		if e, bad := want.(error); bad != (err != nil) || bad && !errors.Is(err, e) || !bad && in != want {
			t.Errorf("%s: %+v, %v", rest, in, err)
		}
	}
	if _, err := s.DialledLogin("none", "ann"); !errors.Is(err, ErrNoUser) {
		t.Error(err)
	}
}

// TestCodesAreApart: what cannot be dialled, or be no PIN, is refused; a PIN is not told.
func TestCodesAreApart(t *testing.T) {
	for text, want := range map[string]string{
		`{login_code: "*8"}`:                                      `login_code (line 1): "*8" and the pickup_code "*89" begin alike`,
		`{login_code: "*899"}`:                                    `begin alike`,
		`{login_code: "*5", logout_code: "*56"}`:                  `logout_code (line 1): "*56" and the login_code "*5" begin alike`,
		`{logout_code: "*57", pickup_code: "*57"}`:                `begin alike`,
		`{login_code: "login"}`:                                   `"login" is no code`,
		`{end_users: [{user_id: a, pin: "815"}]}`:                 `end_users[0].pin (line 1): a PIN has 4 to 20 digits`,
		`{end_users: [{user_id: a, pin: "secret"}]}`:              `a PIN has`,
		`{end_users: [{user_id: a, pin: 111111111111111111111}]}`: `a PIN has`,
	} {
		_, err := Load([]byte("tenants: [" + strings.Replace(text, "{", "{name: t, ", 1) + "]"))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", text, err)
		}
	}
	old := &Document{Tenants: []Tenant{{Name: "t", EndUsers: []EndUser{{UserID: "ann", PIN: "1234"}}}}}
	next := &Document{Tenants: []Tenant{{Name: "t", EndUsers: []EndUser{{UserID: "ann", PIN: "5678"}}}}}
	for _, c := range append(Diff(old, next), Diff(&Document{Tenants: []Tenant{{Name: "t"}}}, next)...) {
		if text := c.String(); strings.Contains(text, "5678") || strings.Contains(text, "1234") {
			t.Error("a PIN is told:", text)
		}
	}
	if d := Diff(old, next); len(d) != 1 || !strings.Contains(d[0].String(), "another secret") {
		t.Errorf("%v", d)
	}
}
