package pickup

import (
	"slices"
	"strings"

	"blfbridge/bridge/compositor"
	"blfbridge/policy"
)

// Candidates are the lines that ring and that may allows to pick up, each once, in the
// order of their numbers; refused counts those that ring and may not be picked up but
// are seen to ring. It is pure.
func Candidates(ringing []compositor.Ringing, may func(policy.Line) policy.Decision) (lines []policy.Line, refused int) {
	seen := map[policy.Line]bool{}
	for i := range ringing {
		l := ringing[i].Line
		if seen[l] {
			continue
		}
		seen[l] = true
		d := may(l)
		switch {
		case !d.Allow() || d.Line != l:
		case d.Pickup:
			lines = append(lines, l)
		case d.View >= policy.ViewRinging && d.View != policy.ViewIdle:
			refused++
		}
	}
	slices.SortFunc(lines, func(a, b policy.Line) int {
		return strings.Compare(a.Tenant+"\x00"+a.Number+"\x00"+a.Partition, b.Tenant+"\x00"+b.Number+"\x00"+b.Partition)
	})
	return lines, refused
}
