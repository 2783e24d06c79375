package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"blfbridge/bridge/admin"
	"blfbridge/bridge/admin/api"
)

// maxEvent bounds one event of a trace: a SIP message and what belongs to it.
const maxEvent = 1 << 20

// TraceFilter says what is traced; empty fields match all.
type TraceFilter struct{ Kind, Phone, Presentity, Tenant string }

// Trace follows what happens until ctx ends, the server ends it, or fn returns an error,
// which is returned then. begin is called once, when nothing is missed any more. The
// error is nil only if ctx ended.
func (c *Client) Trace(ctx context.Context, f TraceFilter, begin func(api.TraceBegin), fn func(api.TraceEvent) error) error {
	target := c.base + admin.Prefix + "/trace"
	if query := values("kind", f.Kind, "phone", f.Phone, "presentity", f.Presentity, "tenant", f.Tenant); len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	endless := *c.http
	endless.Timeout = 0
	res, err := endless.Do(req)
	if err != nil {
		return fmt.Errorf("%w at %s: %w", ErrUnreachable, c.base, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(res.Body, maxEvent))
		return c.problem(res, body)
	}
	err = c.events(res.Body, begin, fn)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// events reads server-sent events.
func (c *Client) events(r io.Reader, begin func(api.TraceBegin), fn func(api.TraceEvent) error) error {
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxEvent)
	var kind string
	for in.Scan() {
		key, value, _ := strings.Cut(in.Text(), ": ")
		switch {
		case key == "event":
			kind = value
		case key != "data":
		case kind == "begin":
			var b api.TraceBegin
			if err := json.Unmarshal([]byte(value), &b); err != nil {
				return fmt.Errorf("client: %s does not answer as an admin API does: %w", c.base, err)
			}
			begin(b)
		case kind == "event":
			var e api.TraceEvent
			if err := json.Unmarshal([]byte(value), &e); err != nil {
				return fmt.Errorf("client: %s does not answer as an admin API does: %w", c.base, err)
			}
			if err := fn(e); err != nil {
				return err
			}
		case kind == "end":
			var e api.TraceEnd
			_ = json.Unmarshal([]byte(value), &e)
			return fmt.Errorf("client: the server ended the trace: %s", map[string]string{
				"too_slow": "it was not read quickly enough", "too_many": "too many listen already",
				"stopping": "it stops", "time": "its time is over",
			}[e.Why])
		}
	}
	if in.Err() != nil {
		return fmt.Errorf("client: the trace broke off: %w", in.Err())
	}
	return errors.New("client: the trace broke off")
}
