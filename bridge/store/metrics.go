package store

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// committerMetrics are the committer's; a nil Registerer leaves them unregistered.
type committerMetrics struct {
	commits, errors, fenced, invalid prometheus.Counter
	batch, seconds                   prometheus.Histogram
	away                             prometheus.Gauge
}

func newCommitterMetrics(reg prometheus.Registerer, pending func() int) *committerMetrics {
	f := promauto.With(reg)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Namespace: "blfbridge", Subsystem: "store", Name: name, Help: help})
	}
	f.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "blfbridge", Subsystem: "store",
		Name: "pending", Help: "Keys that wait to be written or are being written."},
		func() float64 { return float64(pending()) })
	return &committerMetrics{
		commits: counter("commits_total", "Groups written durably."),
		errors:  counter("errors_total", "Groups that could not be written and are tried again."),
		fenced:  counter("fenced_total", "Shard epochs refused because another process owns the shard."),
		invalid: counter("invalid_total", "Submissions refused because an entry is outside the limits."),
		batch: f.NewHistogram(prometheus.HistogramOpts{Namespace: "blfbridge", Subsystem: "store",
			Name: "batch_size", Help: "Changes per group.", Buckets: prometheus.ExponentialBuckets(1, 4, 8)}),
		seconds: f.NewHistogram(prometheus.HistogramOpts{Namespace: "blfbridge", Subsystem: "store",
			Name: "commit_seconds", Help: "Time to make a group durable.", Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16)}),
		away: f.NewGauge(prometheus.GaugeOpts{Namespace: "blfbridge", Subsystem: "store",
			Name: "away", Help: "1 while the store cannot be written."}),
	}
}

func (m *committerMetrics) observe(size int, took time.Duration, err error) {
	if err != nil && !errors.Is(err, ErrFenced) && !errors.As(err, new(*WentError)) {
		m.errors.Inc()
		return
	}
	m.commits.Inc()
	m.batch.Observe(float64(size))
	m.seconds.Observe(took.Seconds())
}

// newRounds counts what a backend made durable.
func newRounds(reg prometheus.Registerer) prometheus.Counter {
	return promauto.With(reg).NewCounter(prometheus.CounterOpts{Namespace: "blfbridge", Subsystem: "store",
		Name: "sync_rounds_total", Help: "Durable rounds: groups in the journal and write transactions of bolt, or acknowledged Redis pipelines."})
}
