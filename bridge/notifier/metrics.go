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
	active        [2]prometheus.Gauge
	taken         prometheus.Counter // notifies with 200, which nearly all are
	tallies       []*tally           // by loop
}

// lampBuckets reach from a loopback lamp (100 µs) to one that needed retransmissions.
var lampBuckets = [...]float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 32}

func newMetrics(loops int) *metrics {
	m := &metrics{
		subscriptions: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "blfbridge_subscriptions", Help: "Standing subscriptions, by event package."}, []string{"package"}),
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "blfbridge_subscribe_answers_total", Help: "SUBSCRIBEs that reached the notifier, by the status of the answer."}, []string{"status"}),
		answerTime: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "blfbridge_subscribe_answer_seconds", Help: "From a SUBSCRIBE's arrival to its answer; it waits for the store.", Buckets: lampBuckets[:]}),
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
	}
	for range loops {
		m.tallies = append(m.tallies, &tally{})
	}
	m.taken = m.notifies.WithLabelValues("200")
	for p := range m.active {
		m.active[p] = m.subscriptions.WithLabelValues(subscription.Package(p).String())
	}
	return m
}

// register shows them; waiting tells how many SUBSCRIBEs wait, and stale what Stale does. They
// may be asked before it returns.
func (m *metrics) register(r prometheus.Registerer, waiting, stale func() int) {
	if m == nil {
		return
	}
	shown := func(name, help string, of func(*tally) *times) *lampHistogram {
		return &lampHistogram{prometheus.NewDesc(name, help, nil, nil), m.tallies, of}
	}
	r.MustRegister(m.subscriptions, m.answers, m.answerTime, m.notifies, m.retransmits, m.strays, m.failures, m.paced,
		shown("blfbridge_lamp_event_to_notify_seconds", "From a PBX event's arrival to the NOTIFY it causes.",
			func(t *tally) *times { return &t.eventToNotify }),
		shown("blfbridge_lamp_notify_to_ok_seconds", "From a NOTIFY to its 2xx.", func(t *tally) *times { return &t.notifyToOK }),
		shown("blfbridge_lamp_event_to_ok_seconds", "From a PBX event's arrival to the phone's 2xx: the lamp is right.",
			func(t *tally) *times { return &t.eventToOK }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "blfbridge_subscribes_waiting", Help: "SUBSCRIBEs that wait for their answer; with too many, new ones get 503 and a Retry-After."},
			func() float64 { return float64(waiting()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "blfbridge_notify_stale_total", Help: "NOTIFYs that a phone refused because another replica had its subscription already."},
			func() float64 { return float64(stale()) }))
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

// tally is that of a loop.
func (m *metrics) tally(loop int) *tally {
	if m == nil {
		return nil
	}
	return m.tallies[loop]
}

// finished counts a NOTIFY that ended otherwise than by 200.
func (m *metrics) finished(code int) {
	switch {
	case m == nil:
	case code == subscription.NoAnswer:
		m.notifies.WithLabelValues("timeout").Inc()
	default:
		m.notifies.WithLabelValues(strconv.Itoa(code)).Inc()
	}
}

// show adds what a loop has counted to the metrics.
func (m *metrics) show(t *tally) {
	if m == nil {
		return
	}
	if t.taken > 0 {
		m.taken.Add(float64(t.taken))
		t.taken = 0
	}
	for _, h := range [...]*times{&t.eventToNotify, &t.notifyToOK, &t.eventToOK} {
		h.show()
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
