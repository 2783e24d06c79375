package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// unknownKey says what may have been meant by a key that does not exist: a similar one
// at its place, the same one at another, or else which there are.
func (d *decoder) unknownKey(path, key string, fields map[string]reflect.StructField) string {
	known := slices.Sorted(maps.Keys(fields))
	if near := nearest(key, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	for _, k := range Keys() {
		if strings.HasSuffix(k.Path, "."+key) || k.Path == key {
			return fmt.Sprintf("did you mean %s?", k.Path)
		}
	}
	where := "there are"
	if path != "" {
		where = path + " has"
	}
	return where + " " + strings.Join(known, ", ")
}

// nearest returns the word most like s, or "" if none is near.
func nearest(s string, words []string) string {
	best, limit := "", len(s)/3+2
	for _, w := range words {
		if n := distance(strings.ToLower(s), w); n < limit {
			best, limit = w, n
		}
	}
	return best
}

// distance is the Levenshtein distance, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
