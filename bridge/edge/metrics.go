package edge

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	toPBX, toPhone, responses prometheus.Counter
	refusals                  *prometheus.CounterVec
	dropped                   *prometheus.CounterVec
	failovers, panics         prometheus.Counter
	up                        *prometheus.GaugeVec
	registrations, open       prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	name := func(s string) string { return "blfbridge_edge_" + s }
	relayed := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: name("relayed_total"), Help: "Messages relayed: requests to a pbx or a phone, and responses."}, []string{"to"})
	m := &metrics{
		toPBX: relayed.WithLabelValues("pbx"), toPhone: relayed.WithLabelValues("phone"), responses: relayed.WithLabelValues("response"),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: name("refused_total"), Help: "Requests that the edge itself refused, by status."}, []string{"status"}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: name("dropped_total"), Help: "Messages that were not relayed, by reason."}, []string{"reason"}),
		failovers: prometheus.NewCounter(prometheus.CounterOpts{
			Name: name("failovers_total"), Help: "Requests that were tried at another PBX."}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: name("panics_total"), Help: "Panics while relaying, each caught."}),
		up: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: name("pbx_up"), Help: "1 if a PBX answers OPTIONS."}, []string{"pbx"}),
		registrations: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: name("registrations"), Help: "Registrations through the edge."}),
		open: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: name("transactions"), Help: "Requests that wait for their answer."}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{relayed, m.refusals, m.dropped, m.failovers, m.panics, m.up, m.registrations, m.open} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) refused(status int) { m.refusals.WithLabelValues(strconv.Itoa(status)).Inc() }
