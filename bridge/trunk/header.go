package trunk

import (
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// seconds reads a delta-seconds value; otherwise if there is none that can be read.
func seconds(v string, otherwise time.Duration) time.Duration {
	v, _, _ = strings.Cut(v, ";")
	v, _, _ = strings.Cut(v, "(") // Retry-After may carry a comment
	n, err := strconv.ParseUint(strings.TrimSpace(v), 10, 31)
	if err != nil {
		return otherwise
	}
	return time.Duration(n) * time.Second
}

// splitOutside splits at sep where that stands neither in quotes nor in angle brackets.
func splitOutside(s string, sep byte) (out []string) {
	quoted, depth, from := false, 0, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '<':
			depth++
		case c == '>':
			depth = max(depth-1, 0)
		case c == sep && depth == 0:
			out = append(out, strings.TrimSpace(s[from:i]))
			from = i + 1
		}
	}
	return append(out, strings.TrimSpace(s[from:]))
}

// paramOf is a parameter of a header value, without quotes.
func paramOf(v, name string) string {
	for _, p := range splitOutside(v, ';')[1:] {
		if n, val, _ := strings.Cut(p, "="); strings.EqualFold(strings.TrimSpace(n), name) {
			return strings.Trim(strings.TrimSpace(val), `"`)
		}
	}
	return ""
}

// tagOf is the tag of a From or To value.
func tagOf(v string) string { return paramOf(v, "tag") }

// uriOf is the URI of a Contact value, empty if it is no SIP URI that can be written into a
// request line.
func uriOf(v string) string {
	u := splitOutside(v, ',')[0]
	if open := strings.LastIndexByte(u, '<'); open >= 0 {
		u, _, _ = strings.Cut(u[open+1:], ">")
	} else {
		u, _, _ = strings.Cut(u, ";")
	}
	u = strings.TrimSpace(u)
	scheme, rest, _ := strings.Cut(u, ":")
	if rest == "" || strings.ContainsAny(u, " \t\r\n<>\"") || !strings.EqualFold(scheme, "sip") && !strings.EqualFold(scheme, "sips") {
		return ""
	}
	return u
}

// recordRoutes are the single values of Record-Route headers, in their order.
func recordRoutes(headers []sip.Header) (out []string) {
	for _, h := range headers {
		for _, v := range splitOutside(h.Value(), ',') {
			if v != "" {
				out = append(out, v)
			}
		}
	}
	return out
}

func joined(a, b string) string {
	if a == "" {
		return b
	}
	return a + ", " + b
}
