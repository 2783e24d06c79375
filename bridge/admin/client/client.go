// Package client talks to the admin API of a running bridge.
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"blfbridge/bridge/admin"
)

var (
	// ErrUnreachable: nothing answers at the URL.
	ErrUnreachable = errors.New("client: the admin API does not answer")
	// ErrURL: the URL is none.
	ErrURL = errors.New("client: not the URL of an admin API")
)

// DefaultURL is where the admin API listens by default.
const DefaultURL = "http://127.0.0.1:8080"

// maxAnswer bounds what is read of one answer.
const maxAnswer = 256 << 20

// Config is what New needs.
type Config struct {
	// URL is http(s)://host:port; the path is added. Empty: DefaultURL.
	URL string
	// Token is that of admin.token; without one most of what reads works on the same host.
	Token string
	// TLS is for https; nil: the host's authorities.
	TLS *tls.Config
	// Timeout bounds every request; two minutes if 0, which the largest policies need.
	Timeout time.Duration
	// Editor is the person behind the writes, for the audit trail.
	Editor string
}

// Client may be used by any goroutine.
type Client struct {
	base, token, editor string
	http                *http.Client
}

// New makes a client; nothing is sent yet.
func New(c Config) (*Client, error) {
	if c.URL == "" {
		c.URL = DefaultURL
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%w: %q; it is like %s", ErrURL, c.URL, DefaultURL)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%w: only scheme, host and port belong into it", ErrURL)
	}
	if c.Timeout == 0 {
		c.Timeout = 2 * time.Minute
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = c.TLS
	base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimRight(u.String(), "/"), admin.Prefix), "/")
	return &Client{base: base, token: c.Token, editor: c.Editor, http: &http.Client{
		Transport: transport, Timeout: c.Timeout,
		// The token is for this server alone.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// URL is where the client asks.
func (c *Client) URL() string { return c.base }

// Close lets idle connections go.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// request is one request; the body is sent as YAML, or json as JSON.
type request struct {
	method, path string
	query        url.Values
	ifMatch      string
	body         []byte
	json         any
}

// do sends a request and returns the answer to a success, of whatever kind.
func (c *Client) do(ctx context.Context, q request) (body []byte, header http.Header, err error) {
	target := c.base + q.path
	if len(q.query) > 0 {
		target += "?" + q.query.Encode()
	}
	kind := "application/yaml"
	if q.json != nil {
		kind = "application/json"
		if q.body, err = json.Marshal(q.json); err != nil {
			return nil, nil, fmt.Errorf("client: %w", err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, q.method, target, bytes.NewReader(q.body))
	if err != nil {
		return nil, nil, fmt.Errorf("client: %w", err)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.editor != "" && q.method != http.MethodGet {
		req.Header.Set(admin.EditorHeader, c.editor)
	}
	if q.ifMatch != "" {
		req.Header.Set("If-Match", q.ifMatch)
	}
	if q.body != nil {
		req.Header.Set("Content-Type", kind)
	}
	res, err := c.http.Do(req)
	if err != nil {
		var at *url.Error
		if errors.As(err, &at) {
			err = at.Err
		}
		return nil, nil, fmt.Errorf("%w at %s: %w", ErrUnreachable, c.base, err)
	}
	defer res.Body.Close()
	body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("%w at %s: %w", ErrUnreachable, c.base, err)
	case len(body) > maxAnswer:
		return nil, nil, fmt.Errorf("client: the answer of %s is longer than %d bytes", target, maxAnswer)
	case res.StatusCode < 200 || res.StatusCode > 299:
		return nil, nil, c.problem(res, body)
	}
	return body, res.Header, nil
}

// get reads a resource.
func (c *Client) get(ctx context.Context, path string, query url.Values, into any) error {
	body, _, err := c.do(ctx, request{method: http.MethodGet, path: path, query: query})
	if err != nil {
		return err
	}
	return c.decode(body, into)
}

func (c *Client) decode(body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("client: %s does not answer as an admin API does: %w", c.base, err)
	}
	return nil
}
