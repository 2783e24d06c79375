package policy

import (
	"errors"
	"strings"
)

// pattern is a compiled route pattern. It matches numbers as Snapshot.Normalise writes
// them; a leading + is left out on both sides.
type pattern struct {
	elems []elem
	// pre is how many elements stand before the dot.
	pre int
	// open: an element may match any number of digits.
	open bool
}

// elem matches one character, or with many one or more digits.
type elem struct {
	set  uint16 // bit 0-9 the digits, bit 10 "*", bit 11 "#"
	many bool
}

const anyDigit = 1<<10 - 1

var errPattern = errors.New("digits, +, *, #, X, !, [1-46], [^7] and one dot are possible in a route pattern")

func symbol(c byte) (uint16, bool) {
	switch {
	case c >= '0' && c <= '9':
		return 1 << (c - '0'), true
	case c == '*':
		return 1 << 10, true
	case c == '#':
		return 1 << 11, true
	}
	return 0, false
}

func parsePattern(s string) (p pattern, err error) {
	s = strings.TrimPrefix(strings.TrimPrefix(s, `\`), "+")
	dot := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == 'X' || c == 'x':
			p.elems = append(p.elems, elem{set: anyDigit})
		case c == '!':
			p.elems = append(p.elems, elem{set: anyDigit, many: true})
			p.open = true
		case c == '.' && !dot:
			dot, p.pre = true, len(p.elems)
		case c == '[':
			end := strings.IndexByte(s[i:], ']')
			if end < 0 {
				return p, errPattern
			}
			set, ok := parseSet(s[i+1 : i+end])
			if !ok {
				return p, errPattern
			}
			p.elems = append(p.elems, elem{set: set})
			i += end
		default:
			set, ok := symbol(c)
			if !ok {
				return p, errPattern
			}
			p.elems = append(p.elems, elem{set: set})
		}
	}
	if len(p.elems) == 0 {
		return p, errPattern
	}
	return p, nil
}

// parseSet reads what stands between brackets.
func parseSet(s string) (set uint16, ok bool) {
	s, not := strings.CutPrefix(s, "^")
	for i := 0; i < len(s); i++ {
		if i+2 < len(s) && s[i+1] == '-' && s[i] >= '0' && s[i] <= s[i+2] && s[i+2] <= '9' {
			for c := s[i]; c <= s[i+2]; c++ {
				set |= 1 << (c - '0')
			}
			i += 2
			continue
		}
		b, ok := symbol(s[i])
		if !ok {
			return 0, false
		}
		set |= b
	}
	if not {
		set = anyDigit &^ set
	}
	return set, set != 0
}

// match reports whether the pattern matches, and how many characters stand before its dot.
func (p *pattern) match(number string) (pre int, ok bool) {
	number = strings.TrimPrefix(number, "+")
	if len(number) < len(p.elems) || !p.open && len(number) != len(p.elems) {
		return 0, false
	}
	end, ok := matchElems(p.elems, number, p.pre)
	return end, ok
}

// matchElems matches greedily and goes back; the position at which elems[pre] begins is
// returned too.
func matchElems(elems []elem, s string, pre int) (at int, ok bool) {
	start := len(s)
	for i, e := range elems {
		if i == pre {
			at = start - len(s)
		}
		if len(s) == 0 {
			return 0, false
		}
		set, ok := symbol(s[0])
		if !ok || e.set&set == 0 {
			return 0, false
		}
		if !e.many {
			s = s[1:]
			continue
		}
		n := 1
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		for ; n > 0; n-- {
			rest, ok := matchElems(elems[i+1:], s[n:], pre-i-1)
			if ok {
				if pre > i {
					at = start - len(s) + n + rest
				}
				return at, true
			}
		}
		return 0, false
	}
	if pre >= len(elems) {
		at = start
	}
	return at, len(s) == 0
}

// specificity orders patterns: of two that match, the one that matches fewer numbers
// wins (CUCM, closest match). Higher is more specific.
func (p *pattern) specificity() (fixed int) {
	for _, e := range p.elems {
		if e.many {
			fixed -= 1000
			continue
		}
		n := 0
		for s := e.set; s != 0; s &= s - 1 {
			n++
		}
		fixed += 12 - n
	}
	return fixed
}

// matchHost reports whether a SIP route pattern matches a normalised host.
func matchHost(pattern, host string) bool {
	if domain, ok := strings.CutPrefix(pattern, "*."); ok {
		return len(host) > len(domain)+1 && strings.HasSuffix(host, domain) && host[len(host)-len(domain)-1] == '.'
	}
	return pattern == host
}
