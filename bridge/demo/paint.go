package demo

import (
	"strings"
	"unicode/utf8"
)

// palette paints text for a terminal, or leaves it alone.
type palette bool

// SGR codes.
const (
	green, red, yellow, orange, magenta, cyan, grey, bold, none = "92", "91", "93", "33", "95", "96", "90", "1", ""
)

func (p palette) colour(code, s string) string {
	if !p || code == none || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p palette) bold(s string) string { return p.colour(bold, s) }

// fit cuts or pads plain text to a width in characters; all of ours are one column wide.
func fit(s string, width int) string {
	n := utf8.RuneCountInString(s)
	switch {
	case width <= 0:
		return ""
	case n <= width:
		return s + strings.Repeat(" ", width-n)
	case width == 1:
		return "…"
	}
	return string([]rune(s)[:width-1]) + "…"
}
