// Package show writes what the admin API tells as text for people: the tables of CME's
// show presence commands and the steps of a decision. It is pure: resources in, text out.
package show

import (
	"fmt"
	"io"
	"net"
	"strings"
	"unicode/utf8"

	"blfbridge/bridge/admin/api"
)

// printer writes until the first error and keeps it.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) f(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

// field writes one line of a list of settings, as CME does: a name that is too wide
// pushes its colon out.
func (p *printer) field(width int, name string, value any) {
	p.f("%-*s : %s\n", width, name, clean(fmt.Sprint(value)))
}

// clean takes out what could steer a terminal: names come from phones and callers.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == utf8.RuneError {
			return '?'
		}
		return r
	}, s)
}

// watcherName is who watches, as user@address.
func watcherName(w *api.Watcher) string {
	host := w.Address
	if h, _, err := net.SplitHostPort(w.Address); err == nil {
		host = h
	}
	user := w.Number
	if user == "" {
		user = userOf(w.URI)
	}
	if user == "" {
		user = userOf(w.ID)
	}
	return user + "@" + host
}

// presentityName is what is watched, as number@host.
func presentityName(p *api.Presentity) string {
	_, host, ok := strings.Cut(bare(p.URI), "@")
	if host, _, _ = strings.Cut(host, ";"); ok && host != "" {
		return p.Number + "@" + host
	}
	return p.Number
}

func userOf(uri string) string {
	user, _, _ := strings.Cut(bare(uri), "@")
	return user
}

func bare(uri string) string {
	for _, scheme := range []string{"sip:", "sips:", "tel:"} {
		if len(uri) >= len(scheme) && strings.EqualFold(uri[:len(scheme)], scheme) {
			return uri[len(scheme):]
		}
	}
	return uri
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func boolWord(b bool) string {
	if b {
		return "TRUE"
	}
	return "FALSE"
}
