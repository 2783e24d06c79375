package pickup

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"blfbridge/policy"
)

type metrics struct{ decided *prometheus.CounterVec }

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "blfbridge_pickups_total",
		Help: "Requests to pick a call up, by how they went on: sent to a PBX, or the status that refused them.",
	}, []string{"result"})}
	if r != nil {
		r.MustRegister(m.decided)
	}
	return m
}

// note counts and logs what was decided; a request that is no pickup is neither.
func (p *Picker) note(v Verdict, w policy.Watcher, user string) {
	switch v.Action {
	case Send:
		p.metrics.decided.WithLabelValues("sent").Inc()
		p.Logger.Info("pickup", "watcher", w.ID, "presentity", user, "source", v.Source)
	case Refuse:
		p.metrics.decided.WithLabelValues(strconv.Itoa(v.Status)).Inc()
		p.Logger.Info("pickup refused", "watcher", w.ID, "presentity", user, "status", v.Status, "rule", v.Reason)
	}
}
