package bench

import (
	"fmt"
	"path/filepath"
	"time"
)

// meter measures what a phase costs.
type meter struct {
	b       *bench
	name    string
	began   time.Time
	server  time.Duration
	store   time.Duration
	own     time.Duration
	drops   int64
	phones  int64
	metrics map[string]float64
	ended   bool
	result  Result
	stop    chan struct{}
	stopped chan struct{}
}

// measure begins a measurement, and tells of its progress. The caller must end it.
func (b *bench) measure(name string) (*meter, error) {
	m := &meter{b: b, name: name, stop: make(chan struct{}), stopped: make(chan struct{})}
	if b.own != nil && name != "limit" {
		if b.o.Profiles != "" {
			file, err := filepath.Abs(filepath.Join(b.o.Profiles, fmt.Sprintf("%s-%d.pprof", name, len(b.report.Results))))
			if err != nil {
				return nil, err
			}
			if _, err := b.own.ask("profile " + file); err != nil {
				return nil, err
			}
		}
		a, err := b.own.ask("metrics")
		if err != nil {
			return nil, err
		}
		m.metrics = a.Metrics
	}
	m.drops, m.phones = dropsAt(b.server.addr()), b.farm.drops()
	m.server, m.store, m.own = cpuOf(b.server.pids()), cpuOf(b.o.StorePIDs), ownCPU()
	m.began = time.Now()
	go m.progress()
	return m, nil
}

func (m *meter) progress() {
	defer close(m.stopped)
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-m.stop:
			return
		case <-tick.C:
			text := fmt.Sprintf("%s, %.0f s", m.name, time.Since(m.began).Seconds())
			if n := m.b.farm.completed.Load(); n > 0 {
				text += fmt.Sprintf(", %d SUBSCRIBEs", n)
			}
			if n := m.b.farm.pending.Load(); n > 0 {
				text += fmt.Sprintf(", %d phones to come", n)
			}
			m.b.o.Progress(text)
		}
	}
}

// end ends the measurement; what it returns may be completed and added to the report.
// Calling it again changes nothing.
func (m *meter) end(c *counters, operations int) (*Result, error) {
	if m.ended {
		return &m.result, nil
	}
	took := time.Since(m.began)
	server, store, own := cpuOf(m.b.server.pids())-m.server, cpuOf(m.b.o.StorePIDs)-m.store, ownCPU()-m.own
	m.ended = true
	close(m.stop)
	<-m.stopped
	perOp := func(d time.Duration) float64 { return perOperation(d, operations) }
	m.result = Result{
		Scenario: m.name, Subscriptions: m.b.o.Subscriptions, Lines: m.b.o.Lines, Operations: operations,
		Seconds: round(took.Seconds(), 4), PerSecond: round(float64(operations)/took.Seconds(), 1),
		CPU: perOp(server), StoreCPU: perOp(store), GeneratorCPU: perOp(own), Cores: round(server.Seconds()/took.Seconds(), 2),
		Drops: dropsAt(m.b.server.addr()) - m.drops, PhoneDrops: m.b.farm.drops() - m.phones,
	}
	r := &m.result
	if c != nil {
		r.OK, r.Notify, r.Change = c.subscribeOK.latency(), c.subscribeNotify.latency(), c.change.latency()
		r.Notifies, r.NotifyBytes = c.Notifies, round(float64(c.NotifyBytes)/float64(max(c.Notifies, 1)), 1)
		r.Retransmissions, r.Duplicates, r.Refused, r.Failed = c.Retransmissions, c.Duplicates, c.Refused, c.Failed
		r.Strange, r.VersionGaps, r.StepsBack, r.Reused, r.Ended, r.Lost = c.Strange, c.VersionGaps, c.StepsBack, c.Reused, c.Ended, c.Lost
	}
	if m.metrics == nil {
		return r, nil
	}
	a, err := m.b.own.ask("metrics")
	if err != nil {
		return r, err
	}
	diff := func(name string) float64 { return a.Metrics[name] - m.metrics[name] }
	r.Syncs = diff("blfbridge_store_sync_rounds_total")
	if n := diff("blfbridge_store_commit_seconds_count"); n > 0 {
		r.Commit = round(diff("blfbridge_store_commit_seconds_sum")/n*1e3, 3)
	}
	if m.b.o.Profiles != "" {
		_, err = m.b.own.ask("profile stop")
	}
	return r, err
}

// perOperation is in microseconds.
func perOperation(d time.Duration, operations int) float64 {
	return round(float64(d)/1e3/float64(max(operations, 1)), 3)
}

// abandon ends a measurement that failed.
func (m *meter) abandon() {
	if !m.ended {
		m.ended = true
		close(m.stop)
		<-m.stopped
	}
}
