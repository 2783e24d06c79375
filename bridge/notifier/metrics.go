package notifier

import (
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"blfbridge/bridge/subscription"
)

// metrics are the notifier's; a nil pointer counts nothing.
type metrics struct {
	subscriptions *prometheus.GaugeVec
	answers       *prometheus.CounterVec
	answerTime    prometheus.Histogram
	notifies      *prometheus.CounterVec
	retransmits   prometheus.Counter
	strays        prometheus.Counter
	failures      *prometheus.CounterVec
	paced         prometheus.Counter
	eventToNotify prometheus.Histogram
	notifyToOK    prometheus.Histogram
	eventToOK     prometheus.Histogram
	active        [2]prometheus.Gauge
	taken         prometheus.Counter // notifies with 200, which nearly all are
}

// lampBuckets reach from a loopback lamp (100 µs) to one that needed retransmissions.
var lampBuckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 32}

func newMetrics(r prometheus.Registerer) *metrics {
	if r == nil {
		return nil
	}
	histogram := func(name, help string) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: lampBuckets})
	}
	m := &metrics{
		subscriptions: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "blfbridge_subscriptions", Help: "Standing subscriptions, by event package."}, []string{"package"}),
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "blfbridge_subscribe_answers_total", Help: "SUBSCRIBEs that reached the notifier, by the status of the answer."}, []string{"status"}),
		answerTime: histogram("blfbridge_subscribe_answer_seconds", "From a SUBSCRIBE's arrival to its answer; it waits for the store."),
		notifies: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "blfbridge_notifies_total", Help: "NOTIFYs that ended, by outcome: the final status, or timeout."}, []string{"outcome"}),
		retransmits: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "blfbridge_notify_retransmissions_total", Help: "NOTIFYs sent again by timer E."}),
		strays: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "blfbridge_notify_stray_answers_total", Help: "Answers to no outstanding NOTIFY: late, repeated or forged."}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "blfbridge_notify_send_failures_total", Help: "NOTIFYs that could not be sent, by cause."}, []string{"cause"}),
		paced: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "blfbridge_notifies_paced_total", Help: "NOTIFYs that waited because their phone takes only so many a second."}),
		eventToNotify: histogram("blfbridge_lamp_event_to_notify_seconds", "From a PBX event's arrival to the NOTIFY it causes."),
		notifyToOK:    histogram("blfbridge_lamp_notify_to_ok_seconds", "From a NOTIFY to its 2xx."),
		eventToOK:     histogram("blfbridge_lamp_event_to_ok_seconds", "From a PBX event's arrival to the phone's 2xx: the lamp is right."),
	}
	r.MustRegister(m.subscriptions, m.answers, m.answerTime, m.notifies, m.retransmits, m.strays, m.failures, m.paced,
		m.eventToNotify, m.notifyToOK, m.eventToOK)
	m.taken = m.notifies.WithLabelValues("200")
	for p := range m.active {
		m.active[p] = m.subscriptions.WithLabelValues(subscription.Package(p).String())
	}
	return m
}

func (m *metrics) opened(p subscription.Package) {
	if m != nil {
		m.active[p].Inc()
	}
}

func (m *metrics) closed(p subscription.Package) {
	if m != nil {
		m.active[p].Dec()
	}
}

func (m *metrics) answered(status int, took time.Duration) {
	if m != nil {
		m.answers.WithLabelValues(strconv.Itoa(status)).Inc()
		m.answerTime.Observe(took.Seconds())
	}
}

// sent: event is when the change came in (Unix nanoseconds), 0 if none caused it.
func (m *metrics) sent(event int64, at time.Time) {
	if m != nil && event != 0 {
		m.eventToNotify.Observe(float64(at.UnixNano()-event) / 1e9)
	}
}

func (m *metrics) finished(code int, event int64, sent time.Time) {
	if m == nil {
		return
	}
	if code == subscription.NoAnswer {
		m.notifies.WithLabelValues("timeout").Inc()
		return
	}
	if code == 200 {
		m.taken.Inc()
	} else {
		m.notifies.WithLabelValues(strconv.Itoa(code)).Inc()
	}
	if code >= 200 && code < 300 {
		now := time.Now()
		m.notifyToOK.Observe(now.Sub(sent).Seconds())
		if event != 0 {
			m.eventToOK.Observe(float64(now.UnixNano()-event) / 1e9)
		}
	}
}

func (m *metrics) retransmitted() {
	if m != nil {
		m.retransmits.Inc()
	}
}

func (m *metrics) stray() {
	if m != nil {
		m.strays.Inc()
	}
}

func (m *metrics) held() {
	if m != nil {
		m.paced.Inc()
	}
}

func (m *metrics) failed(err error) {
	if m == nil {
		return
	}
	cause := "error"
	switch {
	case errors.Is(err, ErrNoFlow):
		cause = "no_flow"
	case errors.Is(err, ErrConnecting):
		cause = "connecting"
	}
	m.failures.WithLabelValues(cause).Inc()
}
