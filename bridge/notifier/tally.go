package notifier

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// tally counts the lamp times of one loop. Each loop has its own: counters that two
// processors write in turns cost a NOTIFY more than writing it. A nil one counts nothing.
type tally struct {
	eventToNotify, notifyToOK, eventToOK times
	// taken are NOTIFYs with 200 that no metric shows yet.
	taken int
}

// times is a histogram over lampBuckets. One goroutine adds and shows, any may read what was shown.
type times struct {
	counts [len(lampBuckets) + 1]atomic.Uint64
	nanos  atomic.Int64
	// fresh and freshNanos are not shown yet: a round shows them together, for what others
	// may read costs a NOTIFY more than counting.
	fresh      [len(lampBuckets) + 1]uint32
	freshNanos int64
	any        bool
}

func (t *times) add(took time.Duration) {
	i := 0
	for i < len(lampLimits) && took > lampLimits[i] {
		i++
	}
	t.fresh[i]++
	t.freshNanos += int64(took)
	t.any = true
}

func (t *times) show() {
	if !t.any {
		return
	}
	for i, n := range t.fresh {
		if n > 0 {
			t.counts[i].Add(uint64(n))
			t.fresh[i] = 0
		}
	}
	t.nanos.Add(t.freshNanos)
	t.freshNanos, t.any = 0, false
}

// lampLimits are lampBuckets.
var lampLimits = func() (out [len(lampBuckets)]time.Duration) {
	for i, s := range lampBuckets {
		out[i] = time.Duration(s * float64(time.Second))
	}
	return out
}()

// lampHistogram shows one of the histograms of all loops as one metric.
type lampHistogram struct {
	desc    *prometheus.Desc
	tallies []*tally
	of      func(*tally) *times
}

// Describe implements prometheus.Collector.
func (l *lampHistogram) Describe(to chan<- *prometheus.Desc) { to <- l.desc }

// Collect implements prometheus.Collector.
func (l *lampHistogram) Collect(to chan<- prometheus.Metric) {
	var count uint64
	var nanos int64
	var each [len(lampBuckets) + 1]uint64
	for _, t := range l.tallies {
		times := l.of(t)
		for i := range each {
			each[i] += times.counts[i].Load()
		}
		nanos += times.nanos.Load()
	}
	buckets := make(map[float64]uint64, len(lampBuckets))
	for i, n := range each {
		if count += n; i < len(lampBuckets) {
			buckets[lampBuckets[i]] = count
		}
	}
	to <- prometheus.MustNewConstHistogram(l.desc, count, time.Duration(nanos).Seconds(), buckets)
}

// sent: event is when the change came in (Unix nanoseconds), 0 if none caused it.
func (t *tally) sent(event int64, at time.Time) {
	if t != nil && event != 0 {
		t.eventToNotify.add(time.Duration(at.UnixNano() - event))
	}
}

// ok counts a NOTIFY that got a 2xx, which was read now.
func (t *tally) ok(event int64, sent, now time.Time) {
	if t == nil {
		return
	}
	t.notifyToOK.add(now.Sub(sent))
	if event != 0 {
		t.eventToOK.add(time.Duration(now.UnixNano() - event))
	}
}
