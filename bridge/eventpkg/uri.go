package eventpkg

import "strings"

// indexAt returns the place of the @ between user and host, -1 without one.
func indexAt(s string) int { return strings.LastIndexByte(s, '@') }

// hasScheme reports whether s begins like a SIP or tel URI.
func hasScheme(s string) bool {
	scheme, _, ok := strings.Cut(s, ":")
	return ok && (strings.EqualFold(scheme, "sip") || strings.EqualFold(scheme, "sips") || strings.EqualFold(scheme, "tel"))
}
