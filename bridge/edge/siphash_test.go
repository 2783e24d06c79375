package edge

import "testing"

// TestSipHash: the vectors of the paper's appendix and of its reference code, however the
// text is cut into parts.
func TestSipHash(t *testing.T) {
	var key, text [64]byte
	for i := range text {
		key[i], text[i] = byte(i), byte(i)
	}
	k := newSipKey(key[:16])
	for n, want := range map[int]uint64{0: 0x726fdb47dd0e0e31, 1: 0x74f839c593dc67fd, 7: 0xab0200f58b01d137, 8: 0x93f5f5799a932462, 15: 0xa129ca6149be45e5, 63: 0x958a324ceb064572} {
		for cut := range n + 1 {
			if got := k.sum(text[:cut], text[cut:n]); got != want {
				t.Errorf("%d bytes cut at %d: %#x, want %#x", n, cut, got, want)
			}
		}
	}
}
