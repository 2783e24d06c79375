package sipmsg

import "encoding/binary"

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// hasControl reports a control character other than TAB that no backslash stands before
// (RFC 3261 §25.1: quoted-pair). A lone CR or LF is one always.
func hasControl(b []byte) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(b); i += 8 {
		v := binary.LittleEndian.Uint64(b[i:])
		// Bytes below 0x20, and 0x7f; neither has its top bit set.
		low := (v - 0x20*ones) & ^v & high
		del := v ^ 0x7f*ones
		if low|((del-ones)&^del&high) != 0 && hasControlSlow(b, i, i+8) {
			return true
		}
	}
	return hasControlSlow(b, i, len(b))
}

func hasControlSlow(b []byte, from, to int) bool {
	for i := from; i < to; i++ {
		c := b[i]
		if (c < 0x20 && c != '\t' || c == 0x7f) && (i == 0 || b[i-1] != '\\' || c == '\r' || c == '\n') {
			return true
		}
	}
	return false
}

// tokenChar is RFC 3261 §25.1's.
var tokenChar = func() (t [256]bool) {
	for c := range 256 {
		alnum := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		t[c] = alnum
	}
	for _, c := range "-.!%*_+`'~" {
		t[c] = true
	}
	return t
}()

// IsToken follows RFC 3261 §25.1.
func IsToken(b []byte) bool {
	for _, c := range b {
		if !tokenChar[c] {
			return false
		}
	}
	return len(b) > 0
}

// Uint reads a decimal number of digits only, at most limit.
func Uint(b []byte, limit uint64) (uint64, bool) {
	if len(b) == 0 || len(b) > 20 {
		return 0, false
	}
	var n uint64
	for _, c := range b {
		d := uint64(c - '0')
		if d > 9 || n > limit/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, n <= limit
}
