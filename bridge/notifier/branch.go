package notifier

import (
	"strconv"
	"strings"
)

// A branch is BranchPrefix, loop, slot and generation in base 36, and a random part:
// "z9hG4bKblf.2.1c.9x.k3j9fh2a". It finds the transaction without a table, and cannot
// be guessed by who did not see the NOTIFY.

// appendBranch writes the branch of a transaction.
func appendBranch(dst []byte, loop int, slot int32, gen uint32, random uint64) []byte {
	dst = append(dst, BranchPrefix...)
	dst = strconv.AppendUint(dst, uint64(loop), 36)
	dst = append(dst, '.')
	dst = strconv.AppendUint(dst, uint64(slot), 36)
	dst = append(dst, '.')
	dst = strconv.AppendUint(dst, uint64(gen), 36)
	dst = append(dst, '.')
	return strconv.AppendUint(dst, random, 36)
}

// parseBranch is the inverse of appendBranch; ok is false for anything else.
func parseBranch(b string) (loop int, slot int32, gen uint32, random uint64, ok bool) {
	rest, found := strings.CutPrefix(b, BranchPrefix)
	if !found {
		return 0, 0, 0, 0, false
	}
	var parts [4]uint64
	for i := range parts {
		part := rest
		if i < 3 {
			if part, rest, found = strings.Cut(rest, "."); !found {
				return 0, 0, 0, 0, false
			}
		}
		size := 32
		if i == 3 {
			size = 64
		}
		v, err := strconv.ParseUint(part, 36, size)
		if err != nil {
			return 0, 0, 0, 0, false
		}
		parts[i] = v
	}
	if parts[0] > 1<<16 || parts[1] > 1<<31-1 {
		return 0, 0, 0, 0, false
	}
	return int(parts[0]), int32(parts[1]), uint32(parts[2]), parts[3], true
}
