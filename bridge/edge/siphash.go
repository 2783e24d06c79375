package edge

import (
	"encoding/binary"
	"math/bits"
)

// sipKey keys SipHash-2-4: a short keyed hash that nobody without the key can foresee,
// at a tenth of the cost of an HMAC. It marks branches; tokens get a real HMAC.
type sipKey struct{ a, b uint64 }

func newSipKey(k []byte) sipKey {
	return sipKey{binary.LittleEndian.Uint64(k), binary.LittleEndian.Uint64(k[8:])}
}

// sum hashes parts as if they were one text.
func (k sipKey) sum(parts ...[]byte) uint64 {
	h := sipState{k.a ^ 0x736f6d6570736575, k.b ^ 0x646f72616e646f6d, k.a ^ 0x6c7967656e657261, k.b ^ 0x7465646279746573}
	var block [8]byte
	filled, total := 0, 0
	for _, p := range parts {
		total += len(p)
		if filled > 0 {
			n := copy(block[filled:], p)
			p = p[n:]
			if filled += n; filled < 8 {
				continue
			}
			h.take(binary.LittleEndian.Uint64(block[:]))
		}
		for len(p) >= 8 {
			h.take(binary.LittleEndian.Uint64(p))
			p = p[8:]
		}
		filled = copy(block[:], p)
	}
	clear(block[filled:])
	block[7] = byte(total)
	h.take(binary.LittleEndian.Uint64(block[:]))
	h.c ^= 0xff
	for range 4 {
		h.round()
	}
	return h.a ^ h.b ^ h.c ^ h.d
}

type sipState struct{ a, b, c, d uint64 }

func (h *sipState) take(m uint64) {
	h.d ^= m
	h.round()
	h.round()
	h.a ^= m
}

func (h *sipState) round() {
	h.a += h.b
	h.b = bits.RotateLeft64(h.b, 13) ^ h.a
	h.a = bits.RotateLeft64(h.a, 32)
	h.c += h.d
	h.d = bits.RotateLeft64(h.d, 16) ^ h.c
	h.a += h.d
	h.d = bits.RotateLeft64(h.d, 21) ^ h.a
	h.c += h.b
	h.b = bits.RotateLeft64(h.b, 17) ^ h.c
	h.c = bits.RotateLeft64(h.c, 32)
}
