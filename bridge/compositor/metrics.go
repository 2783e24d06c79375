package compositor

import "github.com/prometheus/client_golang/prometheus"

// metrics are the compositor's; a nil pointer counts nothing.
type metrics struct {
	sourceUp, deviceCount     *prometheus.GaugeVec
	changes, resyncs, repairs *prometheus.CounterVec
	movedTotal                prometheus.Counter
}

func newMetrics(r prometheus.Registerer) *metrics {
	if r == nil {
		return nil
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"source"})
		r.MustRegister(v)
		return v
	}
	counter := func(name, help string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"source"})
		r.MustRegister(v)
		return v
	}
	m := &metrics{
		sourceUp:    gauge("blfbridge_source_up", "1 while the PBX is connected and its snapshot was taken."),
		deviceCount: gauge("blfbridge_source_devices", "Devices that the PBX reported."),
		changes:     counter("blfbridge_source_changes_total", "Device changes, by PBX."),
		resyncs:     counter("blfbridge_source_resyncs_total", "Snapshots taken: one at every connect, more after an overflow."),
		repairs:     counter("blfbridge_drift_total", "Devices and calls that the reconciler found wrong and repaired."),
		movedTotal: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "blfbridge_lamp_changes_total", Help: "Presentities whose lamp changed."}),
	}
	r.MustRegister(m.movedTotal)
	return m
}

func (m *metrics) up(source string, up bool) {
	if m == nil {
		return
	}
	v := 0.0
	if up {
		v = 1
	}
	m.sourceUp.WithLabelValues(source).Set(v)
	m.repairs.WithLabelValues(source).Add(0) // shown as 0 before the first
}

func (m *metrics) forget(source string) {
	if m == nil {
		return
	}
	for _, v := range []interface{ DeleteLabelValues(...string) bool }{m.sourceUp, m.deviceCount, m.changes, m.resyncs, m.repairs} {
		v.DeleteLabelValues(source)
	}
}

func (m *metrics) devices(source string, n int) {
	if m != nil {
		m.deviceCount.WithLabelValues(source).Set(float64(n))
	}
}

func (m *metrics) change(source string) {
	if m != nil {
		m.changes.WithLabelValues(source).Inc()
	}
}

func (m *metrics) resync(source string) {
	if m != nil {
		m.resyncs.WithLabelValues(source).Inc()
	}
}

func (m *metrics) repair(source string) {
	if m != nil {
		m.repairs.WithLabelValues(source).Inc()
	}
}

func (m *metrics) moved(n int) {
	if m != nil {
		m.movedTotal.Add(float64(n))
	}
}
