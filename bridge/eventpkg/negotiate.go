package eventpkg

import (
	"strconv"
	"strings"

	"blfbridge/bridge/eventpkg/dialoginfo"
	"blfbridge/bridge/eventpkg/pidf"
)

// offer is a media type that a package can send, in the order of our preference.
type offer struct {
	mime    string
	content Content
}

var (
	dialogOffers   = []offer{{dialoginfo.MIME, DialogInfo}}
	presenceOffers = []offer{
		{pidf.MIME, PIDF},
		// Cisco's enterprise firmware accepts only this name, and reads PIDF.
		{pidf.MIMECPIM, PIDF},
		{pidf.MIMEXPIDF, XPIDF},
	}
)

// Negotiate chooses the body of an event package ("dialog" or "presence") from the values
// of the SUBSCRIBE's Accept headers, one string per header field, each a list. No header
// (nil) means the package's default. The highest q wins, then our preference: PIDF before
// XPIDF. ok is false if nothing acceptable remains (406) or the package is not ours (489).
func Negotiate(pkg string, accept []string) (c Content, ok bool) {
	var offers []offer
	switch {
	case strings.EqualFold(pkg, "dialog"):
		offers = dialogOffers
	case strings.EqualFold(pkg, "presence"):
		offers = presenceOffers
	default:
		return 0, false
	}
	// RFC 6665 §3.1.3 (with RFC 4235 §3.5, RFC 3856 §6.7): without Accept the default.
	if len(accept) == 0 {
		return offers[0].content, true
	}
	var best quality
	for _, o := range offers {
		q := qualityOf(o.mime, accept)
		if q > best {
			c, best, ok = o.content, q, true
		}
	}
	return c, ok
}

// quality is a q-value in thousandths (RFC 3261 §25.1: at most three decimals).
type quality int

// qualityOf returns the q of the most specific range that matches mime, 0 if none does.
func qualityOf(mime string, accept []string) quality {
	var best quality
	bestSpec := 0
	for _, header := range accept {
		for part := range fields(header, ',') {
			q, spec := matchRange(part, mime)
			// RFC 3261 §20.1 as in HTTP: the most specific range decides; of equal
			// ones the most generous, since phones repeat themselves.
			if spec > bestSpec || spec == bestSpec && spec > 0 && q > best {
				best, bestSpec = q, spec
			}
		}
	}
	return best
}

// matchRange matches one media range; spec is 0 for no match, 1 for */*, 2 for type/*,
// 3 for the type itself.
func matchRange(part, mime string) (q quality, spec int) {
	q = 1000
	first := true
	for field := range fields(part, ';') {
		field = strings.TrimSpace(field)
		if first {
			first = false
			if spec = specificity(field, mime); spec == 0 {
				return 0, 0
			}
			continue
		}
		name, value, _ := strings.Cut(field, "=")
		if strings.EqualFold(strings.TrimSpace(name), "q") {
			q = parseQuality(strings.TrimSpace(value))
		}
	}
	return q, spec
}

func specificity(mediaRange, mime string) int {
	typ, sub, ok := strings.Cut(mediaRange, "/")
	typ, sub = strings.TrimSpace(typ), strings.TrimSpace(sub)
	wantType, wantSub, _ := strings.Cut(mime, "/")
	switch {
	case !ok:
		return 0
	case typ == "*" && sub == "*":
		return 1
	case !strings.EqualFold(typ, wantType):
		return 0
	case sub == "*":
		return 2
	case strings.EqualFold(sub, wantSub):
		return 3
	}
	return 0
}

// parseQuality reads a q-value; one that is none counts as 1, as phones that write it
// wrongly still want the type.
func parseQuality(s string) quality {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f >= 0 && f <= 1) {
		return 1000
	}
	return quality(f*1000 + 0.5)
}

// fields splits at sep outside quoted strings (RFC 3261 §25.1).
func fields(s string, sep byte) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		start, quoted := 0, false
		for i := 0; i < len(s); i++ {
			switch {
			case quoted && s[i] == '\\':
				i++
			case s[i] == '"':
				quoted = !quoted
			case s[i] == sep && !quoted:
				if !yield(s[start:i]) {
					return
				}
				start = i + 1
			}
		}
		yield(s[start:])
	}
}
