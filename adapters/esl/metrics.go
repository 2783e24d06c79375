package esl

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of one source. The vectors are shared by all sources of a registerer; their
// only label is source (and the event's name, from a fixed list).
type metrics struct {
	up                                       prometheus.Gauge
	events                                   *prometheus.CounterVec // by event
	resyncs, drift, overflows, commandErrors prometheus.Counter
	reconnects, parseErrors                  prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, source string) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"source"})).
			WithLabelValues(source)
	}
	return &metrics{
		up: register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "blfbridge_esl_up",
			Help: "1 while FreeSWITCH is connected and its state is known.",
		}, []string{"source"})).WithLabelValues(source),
		events: register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "blfbridge_esl_events_total",
			Help: "Events applied, by name.",
		}, []string{"source", "event"})).MustCurryWith(prometheus.Labels{"source": source}),
		resyncs:       counter("blfbridge_esl_resyncs_total", "Full snapshots delivered, one for each connect and each queue overflow."),
		drift:         counter("blfbridge_esl_drift_total", "Channels, registrations and special devices that the reconciler repaired."),
		overflows:     counter("blfbridge_esl_queue_overflows_total", "Times the event queue was full and events were dropped."),
		commandErrors: counter("blfbridge_esl_command_errors_total", "Commands that FreeSWITCH refused or did not answer in time."),
		reconnects:    counter("blfbridge_esl_reconnects_total", "Attempts to connect after the first."),
		parseErrors:   counter("blfbridge_esl_parse_errors_total", "Headers, events and answers that could not be read and were skipped."),
	}
}

// register returns the collector to use: the one that another source registered
// already, or c. A nil registerer keeps it unregistered, which is a no-op.
func register[C prometheus.Collector](reg prometheus.Registerer, c C) C {
	if reg == nil {
		return c
	}
	if err := reg.Register(c); err != nil {
		var dup prometheus.AlreadyRegisteredError
		if errors.As(err, &dup) {
			if have, ok := dup.ExistingCollector.(C); ok {
				return have
			}
		}
	}
	return c
}
