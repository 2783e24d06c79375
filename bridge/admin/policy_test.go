package admin_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"blfbridge/bridge/admin"
	"blfbridge/bridge/admin/admintest"
	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/config"
)

const board = `tenants:
  - name: default
    presence_groups:
      - name: Board
    lines:
      - number: 101
        presence_group: Board
`

func put(t *testing.T, r *admintest.Rig, yaml, ifMatch string, status int) answer {
	t.Helper()
	headers := []string{bearer, "Content-Type: application/yaml"}
	if ifMatch != "" {
		headers = append(headers, "If-Match: "+ifMatch)
	}
	a := do(t, "PUT", r.URL+"/api/v1/policy", yaml, headers...)
	if a.status != status {
		t.Fatalf("PUT with If-Match %s: %d, want %d: %s", ifMatch, a.status, status, a.body)
	}
	return a
}

func exported(t *testing.T, r *admintest.Rig) answer {
	t.Helper()
	a := do(t, "GET", r.URL+"/api/v1/policy", "", bearer)
	if a.status != 200 || a.header.Get("Content-Type") != "application/yaml" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	return a
}

func TestPolicyRoundTrip(t *testing.T) {
	r := admintest.Start(t, nil)
	if a := exported(t, r); a.header.Get("ETag") != `"0"` {
		t.Errorf("ETag of no policy: %s", a.header.Get("ETag"))
	}
	var got api.PolicyImported
	a := put(t, r, board, `"0"`, 200)
	a.json(t, &got)
	if got.Revision != 1 || !got.Changed || got.DryRun || got.Tenants != 1 || got.Lines != 1 || got.Total != 3 || got.Changes[2].Name != "101" || a.header.Get("ETag") != `"1"` {
		t.Errorf("%+v, ETag %s", got, a.header.Get("ETag"))
	}
	text := exported(t, r)
	if text.header.Get("ETag") != `"1"` || !strings.Contains(text.body, "presence_group: Board") {
		t.Errorf("ETag %s:\n%s", text.header.Get("ETag"), text.body)
	}
	put(t, r, text.body, `"1"`, 200).json(t, &got)
	if got.Changed || got.Revision != 2 {
		t.Errorf("the same document again: %+v", got)
	}
	if again := exported(t, r); again.body != text.body {
		t.Errorf("not the same:\n%s\n%s", again.body, text.body)
	}
	// It is in force: the Board may not be watched from Standard.
	var e api.Explanation
	get(t, r.URL+"/api/v1/explain?watcher=201&target=101", &e)
	if e.Outcome != "refused" || e.Status != 403 || e.PresentityGroup != "Board" {
		t.Errorf("%+v", e)
	}
}

func TestPolicyRevisions(t *testing.T) {
	r := admintest.Start(t, nil)
	put(t, r, board, `"0"`, 200)
	for ifMatch, status := range map[string]int{`"0"`: 409, `"2"`: 409, "": 428, "x": 400, `"-1"`: 400, `W/"1"`: 400, "18446744073709551615": 400} {
		p := put(t, r, "{}", ifMatch, status).problem(t)
		if p.Detail == "" {
			t.Errorf("%s: no detail", ifMatch)
		}
	}
	if a := exported(t, r); a.header.Get("ETag") != `"1"` || !strings.Contains(a.body, "Board") {
		t.Errorf("a refused import changed it: %s %s", a.header.Get("ETag"), a.body)
	}
	put(t, r, "{}", `*`, 200)
	put(t, r, board, `2`, 200)
}

func TestPolicyDryRun(t *testing.T) {
	r := admintest.Start(t, nil)
	put(t, r, board, "*", 200)
	dry := func(yaml, ifMatch string, status int) answer {
		a := do(t, "PUT", r.URL+"/api/v1/policy?dry_run=true", yaml, bearer, "If-Match: "+ifMatch)
		if a.status != status {
			t.Fatalf("%s: %d, want %d: %s", ifMatch, a.status, status, a.body)
		}
		return a
	}
	var got api.PolicyImported
	dry("{}", `"1"`, 200).json(t, &got)
	if !got.DryRun || got.Revision != 1 || !got.Changed {
		t.Errorf("%+v", got)
	}
	dry(board, "*", 200).json(t, &got)
	if got.Changed {
		t.Errorf("%+v", got)
	}
	dry("{}", `"0"`, 409)
	dry("tenants: 3", "*", 422)
	if a := exported(t, r); a.header.Get("ETag") != `"1"` || !strings.Contains(a.body, "Board") {
		t.Errorf("a dry run changed it: %s", a.body)
	}
}

// TestBadPolicy: all problems at once, each with path and line, and nothing changes.
func TestBadPolicy(t *testing.T) {
	r := admintest.Start(t, nil)
	p := put(t, r, "tenants:\n  - name: a\n    lines:\n      - number: 1\n        presence_group: Bord\n    nonsense: 1\n", "*", 422).problem(t)
	if len(p.Errors) != 2 || !strings.Contains(p.Detail, "2 problems") {
		t.Fatalf("%+v", p)
	}
	e := p.Errors[0]
	if e.Location != "tenants[0].lines[0].presence_group" || !strings.Contains(e.Message, "Bord") || e.Value.(map[string]any)["line"] != 5.0 {
		t.Errorf("%+v", e)
	}
	for _, bad := range []string{"\x00", "a: [", strings.Repeat("[", 5000), "- 1", "&a [*a]"} {
		put(t, r, bad, "*", 422)
	}
	if a := exported(t, r); a.header.Get("ETag") != `"0"` {
		t.Errorf("ETag %s", a.header.Get("ETag"))
	}
}

// TestTooLarge: a body that says it is too large is refused before any of it is sent, and
// one that says nothing where it becomes too large.
func TestTooLarge(t *testing.T) {
	r := admintest.Start(t, nil)
	for _, c := range []struct {
		method, path string
		max          int
	}{{"PUT", "/policy", admin.MaxPolicy}, {"POST", "/policy/diff", admin.MaxPolicy}, {"POST", "/presence-groups", 64 << 10}} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(r.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "%s /api/v1%s HTTP/1.1\r\nHost: localhost\r\n%s\r\nIf-Match: *\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
			c.method, c.path, bearer, c.max+1)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		if res.StatusCode != 413 || !strings.Contains(string(body), fmt.Sprintf("at most %d", c.max)) {
			t.Errorf("%s %s: %d %s", c.method, c.path, res.StatusCode, body)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), "POST", r.URL+"/api/v1/presence-groups", io.LimitReader(endless{}, 64<<10+1)) // chunked
	if err != nil {
		t.Fatal(err)
	}
	name, value, _ := strings.Cut(bearer, ": ")
	req.Header.Set(name, value)
	req.Header.Set("If-Match", "*")
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 413 {
		t.Errorf("a chunked body: %d", res.StatusCode)
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

func TestPolicyFromFile(t *testing.T) {
	r := admintest.Start(t, func(c *config.Config) { c.Policy.File = "/etc/blf/policy.yaml" })
	p := put(t, r, board, "*", 409).problem(t)
	if !strings.Contains(p.Detail, "/etc/blf/policy.yaml") || !strings.Contains(p.Detail, "policy.file") {
		t.Errorf("%q", p.Detail)
	}
}

// TestPolicySecrets: passwords of the document are not for everybody on the host.
func TestPolicySecrets(t *testing.T) {
	r := admintest.Start(t, nil)
	if a := do(t, "GET", r.URL+"/api/v1/policy", ""); a.status != 200 {
		t.Fatalf("without secrets: %d", a.status)
	}
	for _, digest := range []string{"password: hunter2hunter2", "ha1: 0123456789abcdef0123456789abcdef"} {
		for _, of := range []string{
			"    phones:\n      - name: P\n        lines: [201]\n        digest:\n          username: u\n          ",
			"    end_users:\n      - user_id: ada\n        digest:\n          username: u\n          ",
		} {
			put(t, r, "tenants:\n  - name: a\n"+of+digest+"\n", "*", 200)
			a := do(t, "GET", r.URL+"/api/v1/policy", "")
			if p := a.problem(t); p.Status != 401 || !strings.Contains(p.Detail, "digest passwords") {
				t.Errorf("%+v", p)
			}
			if _, secret, _ := strings.Cut(digest, ": "); !strings.Contains(exported(t, r).body, secret) {
				t.Error("the export with token lacks the secret")
			}
		}
	}
}
