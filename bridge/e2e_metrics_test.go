package bridge_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// metricOf is the sum over a metric's labels; 0 if there is none.
func metricOf(t testing.TB, g prometheus.Gatherer, name string) (sum float64) {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sum
}
