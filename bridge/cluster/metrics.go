package cluster

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are those of all feeds.
type metrics struct {
	held    *prometheus.GaugeVec
	entries *prometheus.CounterVec
	joins   *prometheus.CounterVec
	gaps    *prometheus.CounterVec
	errors  *prometheus.CounterVec
	behind  prometheus.Histogram

	replicas, shards prometheus.Gauge
	adopted          prometheus.Counter
	rewrites         prometheus.Counter
	claims           *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	f := promauto.With(r)
	by := func(name, help string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Namespace: "blfbridge", Subsystem: "feed", Name: name, Help: help}, labels)
	}
	return &metrics{
		held: f.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "blfbridge", Subsystem: "feed", Name: "held", Help: "1 if this replica holds the PBX's feed.",
		}, []string{"source"}),
		entries: by("entries_total", "Entries of a PBX's feed, published or followed by this replica.", "source", "way"),
		joins:   by("joins_total", "How often all devices of a PBX's feed were read.", "source"),
		gaps:    by("gaps_total", "How often entries of a PBX's feed were missing.", "source"),
		errors:  by("errors_total", "Attempts to publish that Redis did not take.", "source"),
		behind: f.NewHistogram(prometheus.HistogramOpts{
			Namespace: "blfbridge", Subsystem: "feed", Name: "lag_seconds",
			Help:    "From an event at the replica that holds the feed to a replica that follows; clocks of two machines are compared.",
			Buckets: prometheus.ExponentialBuckets(0.00025, 2, 14),
		}),
		replicas: f.NewGauge(prometheus.GaugeOpts{
			Name: "blfbridge_cluster_replicas", Help: "Replicas that live, this one among them.",
		}),
		shards: f.NewGauge(prometheus.GaugeOpts{
			Name: "blfbridge_cluster_shards", Help: "Shards of the store that this replica writes.",
		}),
		adopted: f.NewCounter(prometheus.CounterOpts{
			Name: "blfbridge_cluster_adopted_total", Help: "Subscriptions taken over from replicas that are gone.",
		}),
		rewrites: f.NewCounter(prometheus.CounterOpts{
			Name: "blfbridge_cluster_rewrites_total", Help: "How often all subscriptions were written anew, because Redis was another server or the same one again.",
		}),
		claims: f.NewCounterVec(prometheus.CounterOpts{
			Name: "blfbridge_cluster_claims_total", Help: "Subscriptions looked for because a phone came by another way, by outcome: moved, unknown, failed; back: its connection was here, and others had taken it over.",
		}, []string{"outcome"}),
	}
}

func (m *metrics) holds(source string, yes bool) {
	v := 0.0
	if yes {
		v = 1
	}
	m.held.WithLabelValues(source).Set(v)
}
func (m *metrics) published(source string) { m.entries.WithLabelValues(source, "out").Inc() }
func (m *metrics) applied(source string)   { m.entries.WithLabelValues(source, "in").Inc() }
func (m *metrics) joined(source string)    { m.joins.WithLabelValues(source).Inc() }
func (m *metrics) gap(source string)       { m.gaps.WithLabelValues(source).Inc() }
func (m *metrics) failed(source string)    { m.errors.WithLabelValues(source).Inc() }
func (m *metrics) lag(d time.Duration)     { m.behind.Observe(d.Seconds()) }
