package bench

import (
	"math/bits"
	"time"
)

// histogram counts durations in buckets of at most 1.6 % width. The zero value is ready.
type histogram struct {
	counts [40 * 64]uint32
	n      uint64
	max    time.Duration
}

// bucketOf: values below 64 ns have a bucket each, every power of two above has 64.
func bucketOf(d time.Duration) int {
	v := uint64(max(d, 0))
	if v < 64 {
		return int(v)
	}
	shift := bits.Len64(v) - 7
	return min((shift+1)*64+int(v>>shift)-64, 40*64-1)
}

// valueOf is the upper bound of a bucket.
func valueOf(i int) time.Duration {
	if i < 64 {
		return time.Duration(i)
	}
	shift := i/64 - 1
	return time.Duration(uint64(i%64+65)<<shift - 1)
}

func (h *histogram) add(d time.Duration) {
	h.counts[bucketOf(d)]++
	h.n++
	h.max = max(h.max, d)
}

func (h *histogram) merge(o *histogram) {
	for i, c := range o.counts {
		h.counts[i] += c
	}
	h.n += o.n
	h.max = max(h.max, o.max)
}

// quantile is the smallest value that at least q of all are not above.
func (h *histogram) quantile(q float64) time.Duration {
	rank, seen := uint64(q*float64(h.n)+0.999999), uint64(0)
	for i, c := range h.counts {
		if seen += uint64(c); seen >= rank && c > 0 {
			return min(valueOf(i), h.max)
		}
	}
	return h.max
}

// Latency is how long something took, in milliseconds.
type Latency struct {
	Count uint64  `json:"count"`
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
}

func (h *histogram) latency() *Latency {
	if h.n == 0 {
		return nil
	}
	ms := func(d time.Duration) float64 { return round(float64(d)/1e6, 3) }
	return &Latency{h.n, ms(h.quantile(0.5)), ms(h.quantile(0.9)), ms(h.quantile(0.99)), ms(h.max)}
}
