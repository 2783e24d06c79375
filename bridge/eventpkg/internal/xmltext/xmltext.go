// Package xmltext appends text to XML documents without allocating: what the PBX
// calls a name becomes characters that every XML 1.0 parser accepts.
package xmltext

import "unicode/utf8"

// Replacement stands for what XML cannot carry: broken UTF-8, control and
// non-characters (XML 1.0 §2.2).
const Replacement = "\uFFFD"

// Append appends s escaped for an attribute value in double quotes or for element
// content. Tabs and line ends become spaces, as an attribute would read them anyway;
// other control characters, non-characters and invalid UTF-8 become Replacement.
func Append(dst []byte, s string) []byte {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if esc := escapes[c]; esc != "" {
				dst = append(append(dst, s[start:i]...), esc...)
				start = i + 1
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		// U+FFFD itself decodes with size 3 and may stay.
		if (r == utf8.RuneError && size == 1) || r == 0xFFFE || r == 0xFFFF || (r >= 0x80 && r < 0xA0) {
			dst = append(append(dst, s[start:i]...), Replacement...)
			start = i + size
		}
		i += size
	}
	return append(dst, s[start:]...)
}

// escapes holds what replaces an ASCII character; empty means that it stays.
var escapes = func() (t [utf8.RuneSelf]string) {
	for c := range 0x20 {
		t[c] = Replacement
	}
	t[0x7F] = Replacement
	t['\t'], t['\n'], t['\r'] = " ", " ", " "
	t['&'], t['<'], t['>'] = "&amp;", "&lt;", "&gt;"
	t['"'], t['\''] = "&quot;", "&apos;"
	return t
}()

// Truncate cuts s to at most limit bytes without splitting a character.
func Truncate(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
