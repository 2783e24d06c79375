package trunk

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the package's; a nil pointer counts nothing.
type metrics struct {
	answers  *prometheus.CounterVec
	notifies *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer, s *Subscriber) *metrics {
	if r == nil {
		return nil
	}
	m := &metrics{
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "blfbridge_trunk_subscribe_answers_total", Help: "Outbound SUBSCRIBEs that ended, by the status of the answer, or timeout."}, []string{"status"}),
		notifies: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "blfbridge_trunk_notifies_total", Help: "NOTIFYs from other servers, by the status they were answered with."}, []string{"status"}),
	}
	r.MustRegister(m.answers, m.notifies)
	for p, name := range phaseNames {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "blfbridge_trunk_presentities", Help: "External lines that are watched, by the state of their outbound subscription.",
			ConstLabels: prometheus.Labels{"state": name},
		}, func() float64 { return float64(s.count(phase(p))) })) //nolint:gosec // an index of four
	}
	return m
}

func (s *Subscriber) count(p phase) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.externals {
		if x.phase == p {
			n++
		}
	}
	return n
}

func (m *metrics) answered(status int) {
	if m == nil {
		return
	}
	text := "timeout"
	if status > 0 {
		text = strconv.Itoa(status)
	}
	m.answers.WithLabelValues(text).Inc()
}

func (m *metrics) notified(status int) {
	if m != nil {
		m.notifies.WithLabelValues(strconv.Itoa(status)).Inc()
	}
}
