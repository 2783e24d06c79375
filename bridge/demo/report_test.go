package demo

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

func TestReportPrint(t *testing.T) {
	p := &report{
		took:   []time.Duration{400 * time.Microsecond, 800 * time.Microsecond, 900 * time.Microsecond, 3 * time.Second},
		events: 7, notifies: 1, lamps: 4, ran: 25 * time.Second, refused: []string{"SUBSCRIBE from Temp: 403 Forbidden"},
	}
	var out strings.Builder
	p.print(&out, false)
	wants(t, out.String(), "7 events from the PBX, 1 NOTIFY to phones, 4 lamp changes in 25 s", "refused, as the policy says: SUBSCRIBE",
		"median 0.9ms   90 % 3.0s   worst 3.0s",
		"≤ 0.5 ms  "+strings.Repeat("█", barWidth/2)+" 1\n", "≤ 1 ms  "+strings.Repeat("█", barWidth)+" 2\n",
		"≤ 100 ms   0\n", "> 1000 ms  "+strings.Repeat("█", barWidth/2)+" 1\n",
		"✓ 0 breaches", "✓ 0 lamps wrong", "✓ 0 NOTIFYs", "✓ 0 drift")
	if !p.ok() {
		t.Error("nothing is wrong, and yet it is not OK")
	}
}

// Each kind of mistake makes the demo fail, and is told.
func TestReportFaults(t *testing.T) {
	for want, p := range map[string]*report{
		"✗ 1 breaches":             {violations: []siptest.Violation{{Rule: "RFC 4235 §4.3", Detail: "version 2 after 4"}}},
		"✗ 1 lamps wrong":          {wrong: []string{"1002 at Cisco: idle, should be busy"}},
		"✗ 1 NOTIFYs not answered": {failed: []string{"timeout ×2"}},
		"✗ 3 drift":                {drift: 3},
	} {
		var out strings.Builder
		p.print(&out, false)
		wants(t, out.String(), want)
		if p.ok() {
			t.Errorf("%s, and yet it is OK", want)
		}
	}
}

func TestReportMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	drift := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "blfbridge_drift_total"}, []string{"source"})
	notifies := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "blfbridge_notifies_total"}, []string{"outcome"})
	reg.MustRegister(drift, notifies)
	drift.WithLabelValues("a").Add(2)
	notifies.WithLabelValues("200").Add(50)
	notifies.WithLabelValues("timeout").Add(2)
	p := &report{}
	if err := p.metrics(reg); err != nil {
		t.Fatal(err)
	}
	if p.drift != 2 || len(p.failed) != 1 || p.failed[0] != "timeout ×2" {
		t.Errorf("drift %v, failed %q", p.drift, p.failed)
	}
}

// A lamp that does not show what the PBX said last is found, by what its make can show.
func TestWrong(t *testing.T) {
	b := newBoard()
	b.reported(device.Status{Name: "PJSIP/1001", Number: "1001", State: device.Ringing}, false)
	for i := range watchers {
		c := &b.cells[0][i]
		c.on, c.lamp = i != 5, lamp{state: device.Ringing}
	}
	b.cells[0][4].lamp.state = device.Idle // masked: right
	if got := b.wrong(); len(got) != 0 {
		t.Errorf("all is right, but: %q", got)
	}
	b.cells[0][1].lamp.state = device.Idle
	b.cells[0][4].lamp.state = device.Ringing
	got := strings.Join(b.wrong(), "; ")
	if want := "1001 at Cisco: idle, should be ringing; 1001 at Lobby: ringing, should be idle"; got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
}
