package admin

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

type metrics struct {
	requests *prometheus.CounterVec
	seconds  prometheus.Histogram
}

// newMetrics registers the metrics; without a Registerer they are kept to themselves.
func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "blfbridge_admin_requests_total", Help: "Requests to the admin API, by method and status."}, []string{"method", "status"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "blfbridge_admin_request_seconds", Help: "Time to answer a request to the admin API.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 8)}),
	}
	if r != nil {
		r.MustRegister(m.requests, m.seconds)
	}
	return m
}

// answered counts a request. Methods that HTTP does not know share one label.
func (m *metrics) answered(method string, status int, took time.Duration) {
	switch method {
	case "GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS":
	default:
		method = "other"
	}
	m.requests.WithLabelValues(method, strconv.Itoa(status)).Inc()
	m.seconds.Observe(took.Seconds())
}

// nothing gathers no metrics.
func nothing() ([]*dto.MetricFamily, error) { return nil, nil }
