package sipua

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of the SIP side. Labels come from fixed sets.
type metrics struct {
	requests    *prometheus.CounterVec
	handling    prometheus.Histogram
	dropped     *prometheus.CounterVec
	stateless   *prometheus.CounterVec
	connections *prometheus.GaugeVec
	refused     *prometheus.CounterVec
	closed      *prometheus.CounterVec
	handshakes  *prometheus.CounterVec
	dials       *prometheus.CounterVec
	auth        *prometheus.CounterVec
	panics      prometheus.Counter
	strays      prometheus.Counter
	early       prometheus.Counter
	shortened   prometheus.Counter
}

// newMetrics registers with reg; nil registers nowhere.
func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "blfbridge", Subsystem: "sip", Name: name, Help: help}, labels)
	}
	one := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "blfbridge", Subsystem: "sip", Name: name, Help: help})
	}
	m := &metrics{
		requests: vec("requests_total", "Requests answered, by method and status.", "method", "status"),
		handling: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "blfbridge", Subsystem: "sip", Name: "subscribe_seconds",
			Help:    "Time from a SUBSCRIBE's arrival to its response.",
			Buckets: prometheus.ExponentialBuckets(0.00025, 4, 9),
		}),
		dropped:   vec("messages_dropped_total", "Messages that screening did not pass on, by reason.", "reason"),
		stateless: vec("stateless_responses_total", "Requests refused without a transaction, by status.", "status"),
		connections: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "blfbridge", Subsystem: "sip", Name: "connections", Help: "Stream connections open now.",
		}, []string{"transport"}),
		refused: vec("connections_refused_total", "Stream connections closed when they came, by reason.", "reason"),
		closed:  vec("connections_closed_total", "Stream connections that ended, by reason.", "reason"),
		handshakes: vec("handshakes_total", "TLS and WebSocket handshakes of connections that came in, by transport and result.",
			"transport", "result"),
		dials:     vec("dials_total", "Connections opened to phones, by result.", "result"),
		auth:      vec("digest_total", "Digest credentials checked, by result.", "result"),
		panics:    one("panics_total", "Panics caught while a message was handled."),
		strays:    one("stray_responses_total", "Responses that match no transaction."),
		early:     one("transactions_forgotten_total", "Transactions ended early to save memory."),
		shortened: one("lifetimes_shortened_total", "Subscriptions granted for a shorter time by chance, because many began at once."),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{
		m.requests, m.handling, m.dropped, m.stateless, m.connections, m.refused,
		m.closed, m.handshakes, m.dials, m.auth, m.panics, m.strays, m.early, m.shortened,
	} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// knownMethods are those of RFC 3261 and its extensions; any other is no label.
var knownMethods = map[string]bool{
	"INVITE": true, "ACK": true, "CANCEL": true, "BYE": true, "REGISTER": true, "OPTIONS": true,
	"SUBSCRIBE": true, "NOTIFY": true, "REFER": true, "INFO": true, "MESSAGE": true,
	"PRACK": true, "UPDATE": true, "PUBLISH": true,
}

func (m *metrics) answered(method string, status int, took time.Duration) {
	if method == "SUBSCRIBE" {
		m.handling.Observe(took.Seconds())
	}
	if !knownMethods[method] {
		method = "other"
	}
	m.requests.WithLabelValues(method, strconv.Itoa(status)).Inc()
}
