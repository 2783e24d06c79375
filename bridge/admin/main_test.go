package admin_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"blfbridge/bridge/admin/admintest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answer is an HTTP response, read.
type answer struct {
	status int
	header http.Header
	body   string
}

// problem is an RFC 9457 document.
type problem struct {
	Title, Detail string
	Status        int
	Errors        []struct {
		Message, Location string
		Value             any
	}
}

func (a answer) problem(t *testing.T) problem {
	t.Helper()
	if ct := a.header.Get("Content-Type"); ct != "application/problem+json" {
		t.Fatalf("status %d, Content-Type %q, want a problem document:\n%s", a.status, ct, a.body)
	}
	var p problem
	a.json(t, &p)
	if p.Status != a.status {
		t.Errorf("the problem says status %d, the answer has %d", p.Status, a.status)
	}
	return p
}

func (a answer) json(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		t.Fatalf("%v in:\n%s", err, a.body)
	}
}

// do sends a request; headers are "Name: value".
func do(t *testing.T, method, url, body string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			req.Host = value
			continue
		}
		req.Header.Set(name, value)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(data)}
}

const bearer = "Authorization: Bearer " + admintest.Token

// get expects 200 and reads the JSON into v.
func get(t *testing.T, url string, v any) {
	t.Helper()
	a := do(t, "GET", url, "")
	if a.status != 200 {
		t.Fatalf("GET %s: %d %s", url, a.status, a.body)
	}
	a.json(t, v)
}
