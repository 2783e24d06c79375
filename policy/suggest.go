package policy

import (
	"fmt"
	"slices"
	"strings"
)

// orList writes `"a", "b" or "c"`.
func orList(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = fmt.Sprintf("%q", w)
	}
	if n := len(quoted); n > 1 {
		return strings.Join(quoted[:n-1], ", ") + " or " + quoted[n-1]
	}
	return strings.Join(quoted, "")
}

// didYouMean returns `, did you mean "x"?` for the nearest of the names, or nothing if
// none is near. Equal distances go to the first in alphabetical order.
func didYouMean(word string, names []string) string {
	best, dist := "", min((len([]rune(word))+1)/2, 4)
	for _, n := range slices.Sorted(slices.Values(names)) {
		if strings.EqualFold(n, word) {
			best = n
			break
		}
		if d := editDistance(strings.ToLower(word), strings.ToLower(n), dist); d < dist {
			best, dist = n, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", best)
}

// editDistance counts letters to insert, drop, change or swap with their neighbour (optimal
// string alignment); limit if it is at least that.
func editDistance(a, b string, limit int) int {
	ra, rb := []rune(a), []rune(b)
	if d := len(ra) - len(rb); d >= limit || -d >= limit {
		return limit
	}
	before, last, row := make([]int, len(rb)+1), make([]int, len(rb)+1), make([]int, len(rb)+1)
	for j := range row {
		row[j] = j
	}
	for i := range ra {
		before, last, row = last, row, before
		row[0] = i + 1
		for j := range rb {
			cost := last[j]
			if ra[i] != rb[j] {
				cost++
			}
			row[j+1] = min(cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && ra[i] == rb[j-1] && ra[i-1] == rb[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return min(row[len(rb)], limit)
}
