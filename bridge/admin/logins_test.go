package admin_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"blfbridge/bridge/admin"
	"blfbridge/bridge/admin/admintest"
	"blfbridge/bridge/admin/api"
)

const mobile = `tenants:
  - name: shop
    login_code: "*56"
    phones:
      - {name: LOBBY, lines: [900], device: PJSIP/900, extension_mobility: true}
      - {name: DESK, lines: [901], extension_mobility: true}
      - {name: FIXED, lines: [902]}
    lines: [{number: 2001}]
    device_profiles: [{name: desk, lines: [2001]}, {name: travel}]
    end_users:
      - {user_id: ann, pin: "0815", device_profiles: [desk, travel]}
      - {user_id: bob}
`

// post sends a body of a kind with the token.
func post(t *testing.T, url, kind, body string) answer {
	t.Helper()
	return do(t, "POST", url, body, bearer, "Content-Type: "+kind, admin.EditorHeader+": clerk")
}

func mobileRig(t *testing.T) *admintest.Rig {
	r := admintest.Start(t, nil)
	put(t, r, mobile, "*", 200)
	return r
}

// TestLogins: login and logout by REST, as JSON and as a dialplan's form.
func TestLogins(t *testing.T) {
	r := mobileRig(t)
	var in api.LoggedIn
	a := post(t, r.URL+"/api/v1/login", "application/json", `{"phone":"LOBBY","user_id":"ann","profile":"travel"}`)
	if err := json.Unmarshal([]byte(a.body), &in); a.status != 200 || err != nil || in.Profile != "travel" || in.Tenant != "shop" || !in.InForce || !strings.HasPrefix(in.By, "clerk (admin.token") {
		t.Fatalf("%d %s", a.status, a.body)
	}
	a = post(t, r.URL+"/api/v1/login", "application/x-www-form-urlencoded", "phone=901&dialled=2001%2A0815")
	in = api.LoggedIn{}
	if err := json.Unmarshal([]byte(a.body), &in); a.status != 200 || err != nil || in.Phone != "DESK" || in.UserID != "ann" || in.Profile != "desk" || in.Left != "LOBBY" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	var list api.LoginList
	get(t, r.URL+"/api/v1/logins", &list)
	if list.Total != 1 || len(list.Logins) != 1 || list.Logins[0].Phone != "DESK" || list.Logins[0].Since.IsZero() || !strings.HasPrefix(list.Logins[0].By, "clerk ") {
		t.Errorf("%+v", list)
	}
	for query, want := range map[string]int{"?tenant=shop": 1, "?tenant=x": 0, "?phone=LOBBY": 0, "?phone=DESK&user_id=ann": 1, "?user_id=bob": 0, "?limit=1&offset=1": 0} {
		list = api.LoginList{}
		if get(t, r.URL+"/api/v1/logins"+query, &list); len(list.Logins) != want {
			t.Errorf("%s: %+v", query, list)
		}
	}
	if a := post(t, r.URL+"/api/v1/logout", "application/json", `{"phone":"DESK","tenant":"shop"}`); a.status != 200 || !strings.Contains(a.body, `"user_id":"ann"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	var trail api.LoginTrail
	get(t, r.URL+"/api/v1/logins/trail?limit=2", &trail)
	if len(trail.Entries) != 2 || trail.Entries[0].What != "logout" || !strings.HasPrefix(trail.Entries[0].Who, "clerk ") || trail.Entries[1].Left != "LOBBY" {
		t.Errorf("%+v", trail)
	}
}

// TestLoginsRefused: each refusal has its status and says what would mend it.
func TestLoginsRefused(t *testing.T) {
	r := mobileRig(t)
	for _, c := range []struct {
		path, body string
		status     int
		says       string
	}{
		{"login", `{"phone":"NONE","user_id":"ann"}`, 404, `no such phone: \"NONE\"`},
		{"login", `{"phone":"LOBBY","tenant":"none","user_id":"ann"}`, 404, `of tenant \"none\"`},
		{"login", `{"phone":"LOBBY","user_id":"eve"}`, 404, "no such end user"},
		{"login", `{"phone":"FIXED","user_id":"ann"}`, 409, "set extension_mobility"},
		{"login", `{"phone":"LOBBY","user_id":"bob"}`, 409, "device_profiles"},
		{"login", `{"phone":"LOBBY","user_id":"ann","profile":"none"}`, 409, `\"desk\" or \"travel\"`},
		{"login", `{"phone":"LOBBY"}`, 422, "give user_id"},
		{"login", `{"phone":"LOBBY","user_id":"ann","dialled":"ann"}`, 422, "one of them"},
		{"login", `{"user_id":"ann"}`, 422, "phone"},
		{"login", `{"phone":"LOBBY","user_id":"ann","pin":"0815"}`, 422, "pin"},
		{"logout", `{"phone":"LOBBY"}`, 409, "nobody is logged in"},
		{"login", `{"phone":"LOBBY","dialled":"ann*1111"}`, 403, "the PIN is missing or wrong"},
	} {
		a := post(t, r.URL+"/api/v1/"+c.path, "application/json", c.body)
		if a.status != c.status || !strings.Contains(a.body, c.says) || !strings.HasPrefix(a.header.Get("Content-Type"), "application/problem+json") {
			t.Errorf("%s %s: %d %s", c.path, c.body, a.status, a.body)
		}
	}
	a := post(t, r.URL+"/api/v1/login", "application/json", `{"phone":"LOBBY","dialled":"ann*0815"}`)
	if a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") != "8" {
		t.Errorf("%d %s %v", a.status, a.body, a.header)
	}
	if a := do(t, "POST", r.URL+"/api/v1/login", `{"phone":"LOBBY","user_id":"ann"}`, "Content-Type: application/json"); a.status != 401 {
		t.Errorf("without the token: %d", a.status)
	}
	if a := post(t, r.URL+"/api/v1/login", "application/x-www-form-urlencoded", "phone=%"); a.status/100 != 4 {
		t.Errorf("no form: %d %s", a.status, a.body)
	}
}
