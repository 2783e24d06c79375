package policy

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestPatternTable: the table finds what a look at every pattern, the closest first, finds.
func TestPatternTable(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	symbols := []string{"0", "1", "2", "7", "9", "*", "#", "X", "X", "!", "[1-3]", "[^7]"}
	found := 0
	for range 200 {
		table, all := &patternTable{narrow: map[uint16][]*routeEntry{}}, []*routeEntry(nil)
		for range 1 + r.IntN(12) {
			text := ""
			for range 1 + r.IntN(5) {
				text += symbols[r.IntN(len(symbols))]
			}
			p, err := parsePattern(text)
			if err != nil {
				t.Fatal(text, err)
			}
			e := &routeEntry{text: text, pattern: p}
			table.add(e)
			all = append(all, e)
		}
		table.sort()
		slices.SortFunc(all, closer)
		for range 200 {
			number := ""
			for range 1 + r.IntN(6) {
				number += string("0127939*#"[r.IntN(9)])
			}
			key, ok := beginning(number)
			if !ok {
				t.Fatal(number)
			}
			want := firstMatch(all, number)
			if got := table.find(key, number); got != want && (got == nil || want == nil || got.text != want.text) {
				t.Fatalf("%s: found %v, want %v", number, got, want)
			}
			if want != nil {
				found++
			}
		}
	}
	if found < 1000 {
		t.Errorf("only %d numbers matched", found)
	}
	for _, number := range []string{"", "bob", "1b"} {
		if _, ok := beginning(number); ok {
			t.Errorf("%q begins like a number", number)
		}
	}
}
