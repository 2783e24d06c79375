package ari

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of one source; the source's name is a constant label.
type metrics struct {
	up, wedged                     prometheus.Gauge
	events                         *prometheus.CounterVec // type
	unknown, broken                prometheus.Counter
	resyncs, overflows, restErrors prometheus.Counter
	reconnects, replaced           prometheus.Counter
	drift                          *prometheus.CounterVec // kind: device, channel
	driftDevice, driftChannel      prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, source string) (*metrics, error) {
	labels := prometheus.Labels{"source": source}
	var errs []error
	counter := func(name, help string) prometheus.Counter {
		return register(reg, &errs, prometheus.NewCounter(prometheus.CounterOpts{Name: "blfbridge_ari_" + name, Help: help, ConstLabels: labels}))
	}
	gauge := func(name, help string) prometheus.Gauge {
		return register(reg, &errs, prometheus.NewGauge(prometheus.GaugeOpts{Name: "blfbridge_ari_" + name, Help: help, ConstLabels: labels}))
	}
	vec := func(name, help, label string) *prometheus.CounterVec {
		return register(reg, &errs, prometheus.NewCounterVec(prometheus.CounterOpts{Name: "blfbridge_ari_" + name, Help: help, ConstLabels: labels}, []string{label}))
	}
	m := &metrics{
		up:         gauge("up", "1 while the event socket is open and the snapshot was delivered."),
		wedged:     gauge("wedged", "1 while Asterisk's ARI is locked up (Asterisk issue 2170): restart Asterisk."),
		events:     vec("events_total", "Events received, by ARI type; other is a type that bears on no lamp.", "type"),
		unknown:    counter("unknown_events_total", "Events of a type that is not used."),
		broken:     counter("broken_events_total", "Events that could not be decoded."),
		resyncs:    counter("resyncs_total", "Full looks at the PBX that replaced all states: one for each connection and each queue overflow."),
		overflows:  counter("queue_overflows_total", "Times the event queue overflowed and was dropped for a resync."),
		restErrors: counter("rest_errors_total", "REST calls that failed or were answered other than 2xx."),
		reconnects: counter("reconnects_total", "Connections attempted after the first."),
		replaced:   counter("replaced_total", "Times another client took the application."),
		drift:      vec("drift_total", "States the reconciler repaired, by kind: device or channel.", "kind"),
	}
	m.driftDevice, m.driftChannel = m.drift.WithLabelValues("device"), m.drift.WithLabelValues("channel")
	return m, errors.Join(errs...)
}

// register takes the collector of an earlier source of the same name if there is one,
// so that a configuration can be loaded again.
func register[C prometheus.Collector](reg prometheus.Registerer, errs *[]error, c C) C {
	if reg == nil {
		return c
	}
	err := reg.Register(c)
	var already prometheus.AlreadyRegisteredError
	if errors.As(err, &already) {
		if old, ok := already.ExistingCollector.(C); ok {
			return old
		}
	}
	if err != nil {
		*errs = append(*errs, err)
	}
	return c
}
