package client

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"
)

// Problem is the admin API's answer to what it refuses (RFC 9457).
type Problem struct {
	// Status is the HTTP status.
	Status int
	Title  string
	// Detail says what is wrong and what would mend it.
	Detail string
	// Errors are all that is wrong with what was sent.
	Errors []ProblemDetail
}

// ProblemDetail is one thing that is wrong.
type ProblemDetail struct {
	Message, Location string
	// Line of a policy document; 0 if not known.
	Line int
}

// Error lists all of it, a line each.
func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.Detail)
	if p.Detail == "" {
		fmt.Fprintf(&b, "%d %s", p.Status, p.Title)
	}
	for _, e := range p.Errors {
		b.WriteString("\n  ")
		if e.Location != "" && !strings.Contains(e.Message, e.Location) {
			b.WriteString(e.Location)
			if e.Line > 0 {
				fmt.Fprintf(&b, " (line %d)", e.Line)
			}
			b.WriteString(": ")
		}
		b.WriteString(e.Message)
	}
	return b.String()
}

// problem makes an error of an answer that is no success.
func (c *Client) problem(res *http.Response, body []byte) error {
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	var wire struct {
		Title, Detail string
		Errors        []struct {
			Message, Location string
			Value             json.RawMessage
		}
	}
	if kind != "application/problem+json" || json.Unmarshal(body, &wire) != nil {
		return fmt.Errorf("client: %s does not answer as an admin API does: %s", c.base, res.Status)
	}
	p := &Problem{Status: res.StatusCode, Title: wire.Title, Detail: wire.Detail}
	for _, e := range wire.Errors {
		d := ProblemDetail{Message: e.Message, Location: e.Location}
		var value struct{ Line int }
		if json.Unmarshal(e.Value, &value) == nil {
			d.Line = value.Line
		}
		p.Errors = append(p.Errors, d)
	}
	return p
}
