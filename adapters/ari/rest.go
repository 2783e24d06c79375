package ari

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	maxBody   = 64 << 20 // of an answer: GET /channels of a big system is some MB
	maxErrors = 512      // of an error's text
)

// client makes REST calls, each with its deadline.
type client struct {
	base    *url.URL
	user    string
	pass    string
	http    *http.Client
	timeout time.Duration
	m       *metrics
}

// dialer opens a connection; tests put one in that stays in memory.
type dialer func(ctx context.Context, network, addr string) (net.Conn, error)

func newClient(cfg *Config, base *url.URL, dial dialer, m *metrics) *client {
	t := &http.Transport{
		DialContext:         dial,
		TLSClientConfig:     cfg.TLS.Clone(),
		TLSHandshakeTimeout: cfg.DialTimeout,
		MaxIdleConnsPerHost: lookers,
		IdleConnTimeout:     5 * time.Second, // Asterisk closes after 15 s
		DisableCompression:  true,
	}
	return &client{base: base, user: cfg.Username, pass: cfg.Password, http: &http.Client{Transport: t}, timeout: cfg.RESTTimeout, m: m}
}

// call does one request. path is below /ari with each element escaped; in is sent and
// out decoded as JSON where not nil. An answer other than 2xx is a *statusError.
func (c *client) call(ctx context.Context, method, path string, in, out any) error {
	err := c.do(ctx, method, path, in, out)
	if err != nil && ctx.Err() == nil {
		c.m.restErrors.Inc()
	}
	return err
}

func (c *client) do(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("ari: %s %s: %w", method, path, err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base.String()+path, body)
	if err != nil {
		return fmt.Errorf("ari: %s %s: %w", method, path, err)
	}
	req.SetBasicAuth(c.user, c.pass)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("ari: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return newStatusError(resp, method, path)
	}
	if out == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, maxBody))
	} else {
		err = json.NewDecoder(io.LimitReader(resp.Body, maxBody)).Decode(out)
	}
	if err != nil {
		return fmt.Errorf("ari: %s %s: %w", method, path, err)
	}
	return nil
}

func newStatusError(resp *http.Response, method, path string) error {
	var m struct {
		Message string `json:"message"`
	}
	b, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrors)) // the status is the news
	if json.Unmarshal(b, &m) != nil || m.Message == "" {
		m.Message = http.StatusText(resp.StatusCode)
	}
	return &statusError{code: resp.StatusCode, method: method, path: path, text: m.Message}
}

// info is what /asterisk/info says that matters here.
type info struct {
	System struct {
		Version  string `json:"version"`
		EntityID string `json:"entity_id"`
	} `json:"system"`
	Status struct {
		StartupTime string `json:"startup_time"`
	} `json:"status"`
}

// asteriskInfo asks what answers even when the rest of ARI is locked up.
func (c *client) asteriskInfo(ctx context.Context) (info, error) {
	ctx, cancel := context.WithTimeout(ctx, infoTimeout)
	defer cancel()
	var i info
	err := c.call(ctx, http.MethodGet, "/asterisk/info", nil, &i)
	return i, err
}
