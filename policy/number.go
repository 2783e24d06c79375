package policy

import (
	"slices"
	"strings"
)

// minInternational is how few digits a number may have and still be taken for an
// international one: extensions are never touched.
const minInternational = 7

// dialPlan is what makes the numbers of a tenant compare equal.
type dialPlan struct {
	countryCode    string
	international  []string // prefixes dialled for "+"
	nationalPrefix string
	nationalDigits int
}

func newDialPlan(t *Tenant) dialPlan {
	p := dialPlan{
		countryCode:    strings.TrimPrefix(t.CountryCode, "+"),
		international:  []string{DefaultInternationalPrefix},
		nationalPrefix: t.NationalPrefix,
		nationalDigits: t.NationalDigits,
	}
	if x := t.InternationalPrefix; x != "" && x != DefaultInternationalPrefix {
		// The configured one first: "0011" (Australia) begins with "00".
		p.international = []string{x, DefaultInternationalPrefix}
	}
	switch {
	case p.nationalPrefix == "none":
		p.nationalPrefix = ""
	case p.nationalPrefix == "" && p.countryCode != "1":
		p.nationalPrefix = "0"
	}
	if p.nationalDigits == 0 && p.countryCode == "1" {
		p.nationalDigits = 10
	}
	return p
}

// normalise is the canonical form of the user part of a SIP URI: applying it twice
// changes nothing more. International numbers become bare digits; where bare digits
// would read as a national number, the "+" stays.
func (p *dialPlan) normalise(s string) string {
	s = unescape(s)
	if i := strings.IndexByte(s, ';'); i >= 0 {
		s = s[:i] // RFC 3261 §19.1.6: telephone-subscriber parameters
	}
	s = strings.TrimSpace(s)
	digits, separators, ok := looksDialled(s)
	if !ok {
		return canonicalSpecial(s)
	}
	if separators && digits >= minInternational {
		s = stripSeparators(s)
	}
	plus := s[0] == '+'
	if plus {
		if digits < minInternational || !allDigits(s[1:]) {
			return s
		}
		return p.international164(s[1:])
	}
	if digits < minInternational || !allDigits(s) {
		return s
	}
	if r, changed := p.step(s); changed {
		return p.international164(r)
	}
	return s
}

// international164 writes an international number so that normalise leaves it alone.
func (p *dialPlan) international164(digits string) string {
	if _, again := p.step(digits); again {
		return "+" + digits
	}
	return digits
}

// step makes an international number of one that is dialled with a prefix or nationally.
func (p *dialPlan) step(s string) (string, bool) {
	for _, x := range p.international {
		if rest, ok := strings.CutPrefix(s, x); ok && len(rest) >= minInternational && rest[0] != '0' {
			return rest, true
		}
	}
	if p.countryCode == "" {
		return s, false
	}
	r := s
	if rest, ok := strings.CutPrefix(s, p.nationalPrefix); ok && p.nationalPrefix != "" && len(s) >= minInternational && rest != "" {
		r = p.countryCode + rest
	} else if p.nationalDigits > 0 && len(s) == p.nationalDigits {
		r = p.countryCode + s
	}
	return r, r != s
}

// looksDialled reports whether s consists of what is dialled (digits, * and #, a leading
// +) and visual separators (RFC 3966 §5.1.1) only, and how many digits it has.
func looksDialled(s string) (digits int, separators, ok bool) {
	begun := false
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits++
			begun = true
		case c == '*' || c == '#':
			begun = true
		case c == '+':
			if begun {
				return 0, false, false
			}
			begun = true
		case strings.IndexByte("-.() ", c) >= 0:
			separators = true
		default:
			return 0, false, false
		}
	}
	return digits, separators, digits > 0
}

func stripSeparators(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if strings.IndexByte("-.() ", s[i]) < 0 {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// unescape resolves percent escapes (RFC 3261 §19.1.2), also those that were escaped
// twice on the way. What is no escape stays as it is.
func unescape(s string) string {
	for {
		i := strings.IndexByte(s, '%')
		if i < 0 {
			return s
		}
		out := []byte(s[:i])
		changed := false
		for ; i < len(s); i++ {
			if s[i] == '%' && i+2 < len(s) {
				if hi, lo := unhex(s[i+1]), unhex(s[i+2]); hi >= 0 && lo >= 0 {
					out = append(out, byte(hi<<4|lo))
					i += 2
					changed = true
					continue
				}
			}
			out = append(out, s[i])
		}
		if !changed {
			return s
		}
		s = string(out)
	}
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// SpecialName reports whether s names a device that is watched by its name instead of
// by a number: a kind, then ":" (Asterisk: "park:701@parkedcalls", "confbridge:800") or
// "+" (the URIs of FreeSWITCH: "park+5900").
func SpecialName(s string) bool { return specialKind(s) > 0 }

// canonicalSpecial writes a special name with ":", as adapters do; others stay.
func canonicalSpecial(s string) string {
	i := specialKind(s)
	if i == 0 || s[i] == ':' {
		return s
	}
	kind := s[:i]
	if kind == "conf" {
		kind = "conference"
	}
	return kind + ":" + s[i+1:]
}

// specialKind is the length of a special name's kind, 0 if it is none.
func specialKind(s string) int {
	i := strings.IndexAny(s, ":+")
	if i <= 0 || i == len(s)-1 {
		return 0
	}
	if slices.ContainsFunc([]byte(s[:i]), func(c byte) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_' && c != '-'
	}) {
		return 0
	}
	return i
}

// normaliseHost makes hosts comparable: lower case, no port, no brackets, no trailing dot.
func normaliseHost(h string) string {
	h = strings.TrimSpace(h)
	if strings.HasPrefix(h, "[") {
		if i := strings.IndexByte(h, ']'); i > 0 {
			h = h[1:i]
		}
	} else if i := strings.IndexByte(h, ':'); i >= 0 && i == strings.LastIndexByte(h, ':') {
		h = h[:i]
	}
	return strings.ToLower(strings.TrimSuffix(h, "."))
}
