package policy

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"
)

// patternTable holds the route patterns of a partition. Most begin with fixed digits: a
// number is compared with those only that begin as it does.
type patternTable struct {
	narrow map[uint16][]*routeEntry // by the beginnings of a pattern
	wide   []*routeEntry            // those that begin in too many ways
}

// maxBeginnings is how many entries of the table a pattern may take: two X at its begin.
const maxBeginnings = 100

func (t *patternTable) add(e *routeEntry) {
	keys := e.pattern.beginnings()
	if len(keys) > maxBeginnings {
		t.wide = append(t.wide, e)
		return
	}
	for key := range keys {
		t.narrow[key] = append(t.narrow[key], e)
	}
}

// closer orders patterns, the closest match first.
func closer(a, b *routeEntry) int {
	return cmp.Or(b.pattern.specificity()-a.pattern.specificity(), strings.Compare(a.text, b.text))
}

func (t *patternTable) sort() {
	slices.SortFunc(t.wide, closer)
	for _, list := range t.narrow {
		slices.SortFunc(list, closer)
	}
}

// find returns the closest pattern that matches a number with that beginning; nil if none does.
func (t *patternTable) find(key uint16, number string) *routeEntry {
	if t == nil {
		return nil
	}
	narrow, wide := firstMatch(t.narrow[key], number), firstMatch(t.wide, number)
	if narrow == nil || wide != nil && closer(wide, narrow) < 0 {
		return wide
	}
	return narrow
}

func firstMatch(list []*routeEntry, number string) *routeEntry {
	for _, e := range list {
		if _, ok := e.pattern.match(number); ok {
			return e
		}
	}
	return nil
}

// beginning names the first three symbols of a number without its "+", four bits each; 15
// stands for the end.
func beginning(number string) (key uint16, ok bool) {
	if number == "" {
		return 0, false
	}
	for i := range 3 {
		n := uint16(15)
		if i < len(number) {
			set, ok := symbol(number[i])
			if !ok {
				return 0, false
			}
			n = uint16(bits.TrailingZeros16(set))
		}
		key = key<<4 | n
	}
	return key, true
}

// beginnings are those of all numbers that the pattern may match.
func (p *pattern) beginnings() map[uint16]bool {
	keys := map[uint16]bool{}
	var add func(elems []elem, again bool, key uint16, n int)
	add = func(elems []elem, again bool, key uint16, n int) {
		if n == 3 {
			keys[key] = true
			return
		}
		if again { // one more digit of a "!"
			for d := range uint16(10) {
				add(elems, true, key<<4|d, n+1)
			}
		}
		if len(elems) == 0 {
			for ; n < 3; n++ {
				key = key<<4 | 15
			}
			keys[key] = true
			return
		}
		for s := elems[0].set; s != 0; s &= s - 1 {
			add(elems[1:], elems[0].many, key<<4|uint16(bits.TrailingZeros16(s)), n+1)
		}
	}
	add(p.elems, false, 0, 0)
	return keys
}
