package notifier

import "strconv"

// A branch is BranchPrefix, loop, slot and generation in base 32, and a random part:
// "z9hG4bKblf.2.1c.9s.k3j9fh2a". It finds the transaction without a table, and cannot
// be guessed by who did not see the NOTIFY.

// appendBranch writes the branch of a transaction.
func appendBranch(dst []byte, loop int, slot int32, gen uint32, random uint64) []byte {
	dst = append(dst, BranchPrefix...)
	dst = strconv.AppendUint(dst, uint64(loop), 32)
	dst = append(dst, '.')
	dst = strconv.AppendUint(dst, uint64(slot), 32)
	dst = append(dst, '.')
	dst = strconv.AppendUint(dst, uint64(gen), 32)
	dst = append(dst, '.')
	return strconv.AppendUint(dst, random, 32)
}

// Branch is a branch of ours that was read; the zero value is none.
type Branch struct {
	random uint64
	loop   int32 // -1 = nobody's: it begins as ours do, but is none of them
	slot   int32
	gen    uint32
	ours   bool
}

// ParseBranch reads a branch parameter; what does not begin with BranchPrefix gives the
// zero value.
func ParseBranch[T []byte | string](text T) Branch {
	if len(text) < len(BranchPrefix) || string(text[:len(BranchPrefix)]) != BranchPrefix {
		return Branch{}
	}
	b := Branch{ours: true, loop: -1}
	var parts [4]uint64
	at := len(BranchPrefix)
	for i := range parts {
		most := uint64(1) << (32 - 5) // times 32 is too large
		if i == 3 {
			most = 1 << (64 - 5)
		}
		first := at
		for ; at < len(text) && text[at] != '.'; at++ {
			d := digit32(text[at])
			// No number of ours wraps: what does is nobody's.
			if d > 31 || parts[i] >= most {
				return b
			}
			parts[i] = parts[i]<<5 | d
		}
		if at == first || (i == 3) != (at == len(text)) {
			return b
		}
		at++
	}
	if parts[0] > 1<<16 || parts[1] > 1<<31-1 {
		return b
	}
	b.loop, b.slot, b.gen, b.random = int32(parts[0]), int32(parts[1]), uint32(parts[2]), parts[3] //nolint:gosec // checked
	return b
}

func digit32(c byte) uint64 {
	switch {
	case c >= '0' && c <= '9':
		return uint64(c - '0')
	case c >= 'a' && c <= 'v':
		return uint64(c-'a') + 10
	case c >= 'A' && c <= 'V':
		return uint64(c-'A') + 10
	}
	return 99
}
