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

// times is a histogram over lampBuckets. One goroutine adds, any may read.
type times struct {
	counts [len(lampBuckets) + 1]atomic.Uint64
	nanos  atomic.Int64
}

func (t *times) add(took time.Duration) {
	i := 0
	for i < len(lampLimits) && took > lampLimits[i] {
		i++
	}
	t.counts[i].Add(1)
	t.nanos.Add(int64(took))
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
