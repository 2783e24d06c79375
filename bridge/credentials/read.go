package credentials

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"blfbridge/policy"
)

// maxBytes bounds a file; policy.MaxCredentials bounds its lines.
const maxBytes = 16 << 20

var (
	errTooLarge   = fmt.Errorf("it has more than %d MiB", maxBytes>>20)
	errUnchanged  = errors.New("credentials: unchanged")
	errNotRegular = errors.New("it is no regular file")
)

// version tells whether a file changed without reading it.
type version struct {
	modTime time.Time // of a file
	size    int64
	etag    string // of a web server, and its Last-Modified
	since   string
}

// read fills f from its location, or takes over what was there if that did not change or
// cannot be read.
func (f *file) read(ctx context.Context, location string, was *file) {
	if was == nil {
		was = &file{}
	}
	*f = *was
	var text []byte
	var v version
	var err error
	if remote(location) {
		text, v, err = fetch(ctx, location, was.version)
	} else {
		text, v, err = readFile(location, was.version)
	}
	switch {
	case errors.Is(err, errUnchanged):
	case err != nil:
		f.failed = err.Error()
		return
	default:
		f.version, f.invalid = v, ""
		if list, err := policy.ParseCredentials(text); err == nil {
			f.list = list
		} else {
			f.invalid = oneLine(err)
		}
	}
	f.failed = f.invalid
}

func remote(location string) bool {
	return strings.HasPrefix(location, "http://") || strings.HasPrefix(location, "https://")
}

// redacted is a location without the password that it may hold.
func redacted(location string) string {
	if u, err := url.Parse(location); err == nil && remote(location) {
		return u.Redacted()
	}
	return location
}

func readFile(name string, was version) (text []byte, v version, err error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, v, err
	}
	v = version{modTime: info.ModTime(), size: info.Size()}
	switch {
	case !info.Mode().IsRegular():
		return nil, v, errNotRegular // a pipe or device may never end
	case v == was:
		return nil, v, errUnchanged
	}
	in, err := os.Open(name)
	if err != nil {
		return nil, v, err
	}
	defer func() { _ = in.Close() }()
	text, err = readAll(in)
	return text, v, err
}

// client opens a connection each time: the files are looked at seldom.
var client = &http.Client{Transport: func() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableKeepAlives = true
	return t
}()}

func fetch(ctx context.Context, location string, was version) (text []byte, v version, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, location, nil)
	if err != nil {
		return nil, v, errors.New("its URL cannot be read")
	}
	if was.etag != "" {
		req.Header.Set("If-None-Match", was.etag)
	}
	if was.since != "" {
		req.Header.Set("If-Modified-Since", was.since)
	}
	res, err := client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the URL, which may hold a password
		}
		return nil, v, err
	}
	defer func() { _ = res.Body.Close() }()
	switch res.StatusCode {
	case http.StatusNotModified:
		return nil, v, errUnchanged
	case http.StatusOK:
	default:
		return nil, v, fmt.Errorf("the server answers %s", res.Status)
	}
	v = version{etag: res.Header.Get("ETag"), since: res.Header.Get("Last-Modified")}
	text, err = readAll(res.Body)
	v.size = int64(len(text))
	return text, v, err
}

func readAll(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err == nil && len(text) > maxBytes {
		err = errTooLarge
	}
	return text, err
}

// oneLine words an error for a log line: of a file's problems the first few, with lines.
func oneLine(err error) string {
	var problems policy.Problems
	if !errors.As(err, &problems) {
		return err.Error()
	}
	var out []string
	for i, p := range problems {
		if i == 3 {
			out = append(out, fmt.Sprintf("and %d more", len(problems)-i))
			break
		}
		out = append(out, fmt.Sprintf("line %d: %s", p.Line, p.Message))
	}
	return strings.Join(out, "; ")
}
