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
	best, dist := "", len([]rune(word))/3+2
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

// editDistance is the Levenshtein distance, or limit if it is at least that.
func editDistance(a, b string, limit int) int {
	ra, rb := []rune(a), []rune(b)
	if d := len(ra) - len(rb); d >= limit || -d >= limit {
		return limit
	}
	row := make([]int, len(rb)+1)
	for j := range row {
		row[j] = j
	}
	for i := range ra {
		diag := row[0]
		row[0] = i + 1
		for j := range rb {
			cost := diag
			if ra[i] != rb[j] {
				cost++
			}
			diag = row[j+1]
			row[j+1] = min(cost, row[j]+1, diag+1)
		}
	}
	return min(row[len(rb)], limit)
}
