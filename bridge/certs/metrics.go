package certs

import "github.com/prometheus/client_golang/prometheus"

// metrics of the certificates; the label file comes from the configuration.
type metrics struct {
	expiry  *prometheus.GaugeVec
	reloads *prometheus.CounterVec
}

// newMetrics registers with reg; nil registers nowhere.
func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		expiry: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "blfbridge", Subsystem: "tls", Name: "certificate_not_after",
			Help: "When a certificate of ours expires, in seconds since 1970, by file.",
		}, []string{"file"}),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "blfbridge", Subsystem: "tls", Name: "reloads_total",
			Help: "Changes of the TLS files, by result: ok, or failed (the old certificates stay).",
		}, []string{"result"}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.expiry, m.reloads} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
