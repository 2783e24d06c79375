package admin_test

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"blfbridge/bridge/admin/admintest"
	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/config"
)

const floors = `tenants:
  - name: shop
    presence_groups: [{name: Workers, description: on the floor}, {name: "Managers / 2", description: upstairs}, {name: Spare}, {name: Unused}]
    permissions: [{from: "Managers / 2", to: Workers, subscribe: allow, view: name}, {from: Workers, to: Spare, subscribe: system_default}]
    partitions: [{name: P}]
    calling_search_spaces: [{name: C, partitions: [P]}]
    lines: [{number: 101, partition: P, presence_group: Workers}, {number: 102}]
    phones: [{name: SEP1, lines: ["101@P"], presence_group: Workers, subscribe_calling_search_space: C}]
    end_users: [{user_id: ann, presence_group: "Managers / 2"}]
    trunks: [{name: K, addresses: [192.0.2.1]}]
    application_users: [{user_id: app}]
  - name: annex
    presence_groups: [{name: Guests}]
`

// write sends a change of the policy and reads the answer into v, if it is not nil.
func write(t *testing.T, r *admintest.Rig, method, path, body string, status int, headers ...string) answer {
	t.Helper()
	if len(headers) == 0 {
		headers = []string{"If-Match: *"}
	}
	if body != "" {
		headers = append(headers, "Content-Type: application/json")
	}
	a := do(t, method, r.URL+"/api/v1"+path, body, append(headers, bearer)...)
	if a.status != status {
		t.Fatalf("%s %s %s: %d, want %d: %s", method, path, body, a.status, status, a.body)
	}
	return a
}

func floorsRig(t *testing.T) *admintest.Rig {
	r := admintest.Start(t, nil)
	put(t, r, floors, "*", 200)
	return r
}

func TestFindPresenceGroups(t *testing.T) {
	r := floorsRig(t)
	for query, want := range map[string]string{
		"":                                       "Managers / 2:1 Spare:0 Standard:3 Unused:0 Workers:2",
		"tenant=annex":                           "Guests:0 Standard:1",
		"text=e&match=not+ends":                  "Managers / 2:1 Standard:3 Unused:0 Workers:2",
		"text=UP&match=begins&field=description": "Managers / 2:1",
		"text=s&match=begins":                    "Spare:0 Standard:3",
		"text=s&match=begins&within=Standard&within=Workers": "Standard:3",
		"text=workers&match=exact":                           "Workers:2",
		"limit=2&offset=1":                                   "Spare:0 Standard:3",
		"offset=9":                                           "",
	} {
		var list api.PresenceGroupList
		get(t, r.URL+"/api/v1/presence-groups?"+query, &list)
		var got []string
		for _, g := range list.Groups {
			got = append(got, fmt.Sprintf("%s:%d", g.Name, g.Dependents))
			if g.Undeletable != (g.Name == "Standard") {
				t.Errorf("%+v", g)
			}
		}
		if strings.Join(got, " ") != want || list.Revision != 1 {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	for _, bad := range []string{"tenant=none", "match=like", "field=owner", "limit=0"} {
		if a := do(t, "GET", r.URL+"/api/v1/presence-groups?"+bad, ""); a.status != 422 && a.status != 404 {
			t.Errorf("%s: %d", bad, a.status)
		}
	}
}

func TestPresenceGroup(t *testing.T) {
	r := floorsRig(t)
	var g api.PresenceGroupDetails
	get(t, r.URL+"/api/v1/presence-groups/"+url.PathEscape("Managers / 2"), &g)
	if g.Name != "Managers / 2" || g.Description != "upstairs" || g.Dependents != 1 || g.Tenant != "shop" || len(g.Relations) != 1 || len(g.WatchedBy) != 0 ||
		g.Relations[0] != (api.Relation{From: "Managers / 2", To: "Workers", Subscribe: "allow", View: "name"}) {
		t.Errorf("%+v", g)
	}
	get(t, r.URL+"/api/v1/presence-groups/Workers", &g)
	if len(g.Relations) != 0 || len(g.WatchedBy) != 1 {
		t.Errorf("system default is listed: %+v", g)
	}
	if p := do(t, "GET", r.URL+"/api/v1/presence-groups/Wrkers", "").problem(t); p.Status != 404 || !strings.Contains(p.Detail, `did you mean "Workers"`) {
		t.Errorf("%+v", p)
	}
	var d api.DependencyRecords
	get(t, r.URL+"/api/v1/dependency-records?name=Workers&name="+url.QueryEscape("Managers / 2"), &d)
	if d.Total != 3 || d.Records[0] != (api.DependencyRecord{Kind: "line", Name: "101@P", PresenceGroup: "Workers"}) {
		t.Errorf("%+v", d)
	}
	var tenants api.TenantList
	get(t, r.URL+"/api/v1/tenants", &tenants)
	if tenants.Home != "shop" || strings.Join(tenants.Tenants, " ") != "shop annex" {
		t.Errorf("%+v", tenants)
	}
}

// TestEditPresenceGroups: CUCM, Configuring Presence Groups, step by step.
func TestEditPresenceGroups(t *testing.T) {
	r := floorsRig(t)
	var c api.PolicyChanged
	write(t, r, "POST", "/presence-groups", `{"name": "Board", "description": "all"}`, 200).json(t, &c)
	if c.Revision != 2 || c.Total != 1 || c.Changes[0].Action != "added" || c.Changes[0].Name != "Board" || c.Changes[0].Tenant != "shop" {
		t.Errorf("%+v", c)
	}
	write(t, r, "POST", "/presence-groups?tenant=annex", `{"name": "Board"}`, 200)
	if p := write(t, r, "POST", "/presence-groups", `{"name": "board"}`, 409).problem(t); !strings.Contains(p.Detail, "board") {
		t.Errorf("%+v", p)
	}
	write(t, r, "POST", "/presence-groups", `{"name": " "}`, 422)
	write(t, r, "POST", "/presence-groups/Managers%20%2F%202/copy", `{"name": "Directors"}`, 200)
	write(t, r, "PATCH", "/presence-groups/Directors", `{"name": "Chiefs", "description": "few"}`, 200)
	var g api.PresenceGroupDetails
	get(t, r.URL+"/api/v1/presence-groups/Chiefs", &g)
	if g.Description != "few" || len(g.Relations) != 1 || g.Relations[0].View != "name" {
		t.Errorf("%+v", g)
	}
	write(t, r, "PATCH", "/presence-groups/Chiefs", `{}`, 422)
	write(t, r, "PATCH", "/presence-groups/Standard", `{"name": "Usual"}`, 409)
	write(t, r, "PATCH", "/presence-groups/Standard", `{"description": "as usual"}`, 200)

	write(t, r, "PUT", "/presence-group-relations", `{"from": ["Chiefs", "Spare"], "to": ["Board", "Unused"], "subscribe": "allow", "view": "state", "pickup": "no"}`, 200).json(t, &c)
	if c.Total != 5 { // with one that said nothing and goes
		t.Errorf("%+v", c)
	}
	write(t, r, "PUT", "/presence-group-relations", `{"from": ["Chiefs"], "to": ["Board"], "view": "default", "pickup": "default"}`, 200)
	get(t, r.URL+"/api/v1/presence-groups/Board", &g)
	if len(g.WatchedBy) != 2 || g.WatchedBy[0] != (api.Relation{From: "Chiefs", To: "Board", Subscribe: "allow"}) || g.WatchedBy[1].View != "state" || *g.WatchedBy[1].Pickup {
		t.Errorf("%+v", g.WatchedBy)
	}
	write(t, r, "PUT", "/presence-group-relations", `{"from": ["Chiefs"], "to": ["Board"]}`, 422)
	write(t, r, "PUT", "/presence-group-relations", `{"from": [], "to": ["Board"], "subscribe": "allow"}`, 422)
	write(t, r, "PUT", "/presence-group-relations", `{"from": ["Nobody"], "to": ["Board"], "subscribe": "allow"}`, 404)

	p := write(t, r, "DELETE", "/presence-groups?name=Workers&name=Unused", "", 409).problem(t)
	if !strings.Contains(p.Detail, "2 dependency records") || len(p.Errors) != 2 || p.Errors[1].Message != `phone "SEP1" uses "Workers"` ||
		p.Errors[1].Value.(map[string]any)["kind"] != "phone" {
		t.Errorf("%+v", p)
	}
	write(t, r, "DELETE", "/presence-groups/Standard", "", 409)
	write(t, r, "DELETE", "/presence-groups/Gone", "", 404)
	write(t, r, "DELETE", "/presence-groups?name=Spare&name=Unused", "", 200).json(t, &c)
	if c.Total != 5 { // two groups, the relations of Spare to two groups, and Chiefs' to Unused
		t.Errorf("%+v", c.Changes)
	}
	write(t, r, "DELETE", "/presence-groups/Chiefs", "", 200)
}

// TestApplyGroups: CUCM, Applying a Presence Group, for each kind; and the SUBSCRIBE
// calling search space.
func TestApplyGroups(t *testing.T) {
	r := floorsRig(t)
	for kind, name := range map[string]string{"line": "102", "phone": "SEP1", "end_user": "ann", "trunk": "K", "application_user": "app"} {
		body := `{"kind": "` + kind + `", "names": ["` + name + `"], "presence_group": "Spare"`
		if kind != "line" && kind != "application_user" {
			body += `, "subscribe_calling_search_space": "C"`
		}
		write(t, r, "PATCH", "/assignments", body+"}", 200)
	}
	write(t, r, "POST", "/device-profiles", `{"phone": "SEP1", "name": "AUTO"}`, 200)
	write(t, r, "PATCH", "/assignments", `{"kind": "device_profile", "names": ["AUTO"], "presence_group": "Workers", "subscribe_calling_search_space": ""}`, 200)
	var list api.Assignments
	get(t, r.URL+"/api/v1/assignments?presence_group=Spare", &list)
	var got []string
	for _, a := range list.Assignments {
		got = append(got, a.Kind+" "+a.Name+" "+a.SubscribeCallingSearchSpace)
	}
	if want := "line 102 , phone SEP1 C, end_user ann C, trunk K C, application_user app "; strings.Join(got, ", ") != want {
		t.Errorf("%q", got)
	}
	get(t, r.URL+"/api/v1/assignments?kind=device_profile&begins=au", &list)
	if list.Total != 1 || list.Assignments[0] != (api.Assignment{Kind: "device_profile", Name: "AUTO", PresenceGroup: "Workers"}) {
		t.Errorf("%+v", list)
	}
	write(t, r, "PATCH", "/assignments", `{"kind": "line", "names": ["101@P", "102"], "presence_group": ""}`, 200)
	get(t, r.URL+"/api/v1/assignments?kind=line&presence_group=Standard", &list)
	if list.Total != 2 {
		t.Errorf("%+v", list)
	}
	write(t, r, "PATCH", "/assignments", `{"kind": "line", "names": ["102", "103"], "presence_group": "Spare"}`, 404)
	write(t, r, "PATCH", "/assignments", `{"kind": "line", "names": ["102"], "presence_group": "Spar"}`, 422)
	write(t, r, "PATCH", "/assignments", `{"kind": "line", "names": ["102"], "subscribe_calling_search_space": "C"}`, 404)
	write(t, r, "PATCH", "/assignments", `{"kind": "line", "names": ["102"]}`, 422)
	write(t, r, "PATCH", "/assignments", `{"kind": "door", "names": ["102"], "presence_group": "Spare"}`, 422)
	write(t, r, "POST", "/device-profiles", `{"phone": "SEP9", "name": "AUTO9"}`, 404)
	write(t, r, "POST", "/device-profiles", `{"phone": "SEP1", "name": "AUTO"}`, 422)
}

// TestWritesCarryARevision: who decided on an older policy is told so, and nothing is lost.
func TestWritesCarryARevision(t *testing.T) {
	r := floorsRig(t)
	p := write(t, r, "PATCH", "/presence-groups/Spare", `{"description": "x"}`, 409, `If-Match: "0"`).problem(t)
	if !strings.Contains(p.Detail, "revision 1, not 0") || !strings.Contains(p.Detail, "read it again") || p.Errors[0].Location != "revision" || p.Errors[0].Value != 1.0 {
		t.Errorf("%+v", p)
	}
	write(t, r, "PATCH", "/presence-groups/Spare", `{"description": "x"}`, 428, "X: y")
	a := write(t, r, "PATCH", "/presence-groups/Spare", `{"description": "x"}`, 200, `If-Match: "1"`)
	if a.header.Get("ETag") != `"2"` {
		t.Errorf("ETag %s", a.header.Get("ETag"))
	}
	var c api.PolicyChanged
	write(t, r, "DELETE", "/presence-groups/Spare?dry_run=true", "", 200).json(t, &c)
	if !c.DryRun || c.Revision != 2 || c.Total != 2 { // the group and its relation
		t.Errorf("%+v", c)
	}
	file := admintest.Start(t, func(c *config.Config) { c.Policy.File = "/etc/blf/policy.yaml" })
	if p := write(t, file, "POST", "/presence-groups", `{"name": "X"}`, 409).problem(t); !strings.Contains(p.Detail, "/etc/blf/policy.yaml (policy.file)") || !strings.Contains(p.Detail, "change that") {
		t.Errorf("%+v", p)
	}
	if a := do(t, "POST", r.URL+"/api/v1/presence-groups", `{"name": "X"}`, "If-Match: *"); a.status != 401 {
		t.Errorf("without token: %d", a.status)
	}
}

// TestConcurrentEditors: many administrators at once, each with changes of their own; some
// take whatever there is, some insist on what they saw and begin again after a 409.
func TestConcurrentEditors(t *testing.T) {
	r := floorsRig(t)
	const editors, each = 12, 6
	var wg sync.WaitGroup
	for i := range editors {
		wg.Go(func() {
			for j := range each {
				name := fmt.Sprintf("G%02d-%d", i, j)
				for {
					match := "*"
					if i%2 == 1 {
						match = do(t, "GET", r.URL+"/api/v1/presence-groups?limit=1", "").header.Get("ETag")
					}
					a := do(t, "POST", r.URL+"/api/v1/presence-groups", `{"name": "`+name+`"}`, bearer, "If-Match: "+match,
						"Content-Type: application/json", fmt.Sprintf("X-Editor: editor %d", i))
					if a.status == 200 {
						break
					}
					if a.status != 409 || match == "*" {
						t.Errorf("%s with %s: %d %s", name, match, a.status, a.body)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	var list api.PresenceGroupList
	get(t, r.URL+"/api/v1/presence-groups?text=G&match=begins&limit=1000", &list)
	if list.Total != editors*each || list.Revision != 1+editors*each {
		t.Errorf("%d groups, revision %d", list.Total, list.Revision)
	}
	var trail api.AuditTrail
	get(t, r.URL+"/api/v1/policy/audit?limit=1000", &trail)
	if len(trail.Entries) != 1+editors*each {
		t.Fatalf("%d entries", len(trail.Entries))
	}
	for _, e := range trail.Entries[:editors*each] {
		if !strings.HasPrefix(e.Who, "editor ") || !strings.Contains(e.Who, "(admin.token, from 127.0.0.1:") || len(e.What) != 1 || !strings.Contains(e.What[0], "added presence_groups G") {
			t.Errorf("%+v", e)
		}
	}
}

func TestPolicyDiff(t *testing.T) {
	r := floorsRig(t)
	next := strings.Replace(floors, "upstairs", "up", 1)
	var d api.PolicyDiff
	a := do(t, "POST", r.URL+"/api/v1/policy/diff", next, bearer, "Content-Type: application/yaml")
	a.json(t, &d)
	if a.status != 200 || d.Revision != 1 || d.Total != 1 || d.Changes[0].Details[0] != "description: upstairs → up" {
		t.Errorf("%d %+v", a.status, d)
	}
	a = do(t, "POST", r.URL+"/api/v1/policy/diff?text=true", next, bearer, "Content-Type: application/yaml")
	if a.body != "tenant shop: changed presence_groups Managers / 2: description: upstairs → up\n" || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
		t.Errorf("%s", a.body)
	}
	if a = do(t, "POST", r.URL+"/api/v1/policy/diff", "tenants: 3", bearer); a.status != 422 {
		t.Errorf("%d", a.status)
	}
	if a := exported(t, r); a.header.Get("ETag") != `"1"` {
		t.Error("comparing changed it")
	}
}
