package bench

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestNumbersAddUp: every subscription is counted once, and every change at every watcher.
func TestNumbersAddUp(t *testing.T) {
	o := small(t, "storm", "fanout", "refresh")
	o.Repeat, o.Settle = 2, 50*time.Millisecond
	r := run(t, o)
	if len(r.Results) != 6 || r.Server != "bolt" {
		t.Fatalf("%s, %d results", r.Server, len(r.Results))
	}
	for i, x := range r.Results {
		want := []string{"storm", "fanout", "refresh"}[i/2]
		operations, changes := 300, uint64(0)
		if want == "fanout" {
			operations, changes = 300*4, 300*4
		}
		if x.Scenario != want || x.Operations != operations || x.Notifies != uint64(operations) || x.Subscriptions != 300 || x.Lines != 30 {
			t.Errorf("%d: %s: %d operations, %d NOTIFYs, want %s with %d", i, x.Scenario, x.Operations, x.Notifies, want, operations)
		}
		if got := count(x.Change); got != changes {
			t.Errorf("%s: %d changes were seen, want %d", want, got, changes)
		}
		if want != "fanout" && (count(x.OK) != 300 || count(x.Notify) != 300) || want == "fanout" && count(x.Last) != 4 {
			t.Errorf("%s: %d answers, %d NOTIFYs, %d rounds", want, count(x.OK), count(x.Notify), count(x.Last))
		}
		for _, l := range []*Latency{x.OK, x.Notify, x.Change, x.Last} {
			if l != nil && (l.P50 <= 0 || l.P50 > l.P90 || l.P90 > l.P99 || l.P99 > l.Max || l.Max > 1e3*x.Seconds) {
				t.Errorf("%s: %+v in %v s", want, l, x.Seconds)
			}
		}
		if x.CPU*float64(x.Operations) > x.Cores*x.Seconds*1e6*1.1+1e4 || x.NotifyBytes < 500 || x.NotifyBytes > 1300 {
			t.Errorf("%s: %v µs CPU on %v cores in %v s; %v bytes", want, x.CPU, x.Cores, x.Seconds, x.NotifyBytes)
		}
		if want != "fanout" && x.Syncs < 1 {
			t.Errorf("%s: %v durable rounds", want, x.Syncs)
		}
	}
	if r.Results[0].IdleBytes != 0 || r.Results[1].IdleBytes == 0 || r.Results[1].GC <= 0 || r.EmptyBytes < 1<<20 {
		t.Errorf("empty %d bytes; %+v", r.EmptyBytes, r.Results[1])
	}
	var text strings.Builder
	if err := r.Write(&text); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"server bolt", "storm ", "fanout ", "refresh ", "p99", "full garbage collection", "durable rounds"} {
		if !strings.Contains(text.String(), word) {
			t.Errorf("no %q in\n%s", word, text.String())
		}
	}
}

func count(l *Latency) uint64 {
	if l == nil {
		return 0
	}
	return l.Count
}

// TestLoss: with one in twenty datagrams lost each way, every phone ends at the final
// state and no version is left out.
func TestLoss(t *testing.T) {
	o := small(t, "storm", "soak")
	o.Loss, o.Subscriptions = 0.05, 120
	for _, x := range run(t, o).Results {
		if x.Lost == 0 || x.Retransmissions+x.Duplicates == 0 {
			t.Errorf("%s: %d lost, %d sent again, %d seen twice", x.Scenario, x.Lost, x.Retransmissions, x.Duplicates)
		}
	}
}

// TestRestart: a killed server notifies every phone again.
func TestRestart(t *testing.T) {
	o := small(t, "restart")
	o.Profiles = t.TempDir()
	r := run(t, o)
	if len(r.Results) != 1 || r.Results[0].Operations != 300 || count(r.Results[0].Change) != 300 {
		t.Errorf("%+v", r.Results)
	}
}

// TestRate: an offered rate is kept.
func TestRate(t *testing.T) {
	o := small(t, "storm")
	o.Rate, o.Profiles = 600, t.TempDir()
	x := run(t, o).Results[0]
	if x.Seconds < 0.45 || x.PerSecond > 660 {
		t.Errorf("%v SUBSCRIBEs a second in %v s", x.PerSecond, x.Seconds)
	}
	profiles, _ := filepath.Glob(filepath.Join(o.Profiles, "storm-*.pprof"))
	if len(profiles) != 1 {
		t.Fatalf("%d profiles", len(profiles))
	}
	if info, err := os.Stat(profiles[0]); err != nil || info.Size() == 0 {
		t.Errorf("%v, %v", info, err)
	}
}

// TestLimit: the bare loop runs and is cheaper than a server.
func TestLimit(t *testing.T) {
	x := run(t, small(t, "limit")).Results[0]
	if x.Operations < 1000 || x.CPU <= 0 || x.CPU > 50 {
		t.Errorf("%+v", x)
	}
}

// TestTurns: what is compared runs in turns.
func TestTurns(t *testing.T) {
	o := small(t, "limit", "fanout")
	o.Repeat, o.Turns, o.Duration = 2, true, 200e6
	var order []string
	for _, x := range run(t, o).Results {
		order = append(order, x.Scenario)
	}
	if got := strings.Join(order, " "); got != "limit fanout limit fanout" {
		t.Errorf("ran %s", got)
	}
}

// TestBeside: two servers stand at the same time and are measured in turns, who comes first too.
func TestBeside(t *testing.T) {
	other, err := startChild(ownServer(), childConfig{Listen: "127.0.0.1:0", Lines: 30, Store: filepath.Join(t.TempDir(), "x.db")})
	if err != nil {
		t.Fatal(err)
	}
	o := small(t, "storm", "refresh")
	o.Beside, o.BesidePIDs, o.Repeat = other.addr(), other.pids(), 2
	r := run(t, o)
	var order []string
	for _, x := range r.Results {
		order = append(order, x.Scenario+" "+x.Server)
		if x.Operations != 300 || x.CPU <= 0 || (x.Syncs > 0) != (x.Server == "") {
			t.Errorf("%+v", x)
		}
	}
	at := other.addr().String()
	if want := []string{"storm ", "storm " + at, "storm ", "storm " + at, "refresh ", "refresh " + at, "refresh ", "refresh " + at}; !slices.Equal(order, want) {
		t.Errorf("%q", order)
	}
	if err := other.close(); err != nil {
		t.Error(err)
	}
}

// TestForeign: a server that runs anyway is measured by its address and process.
func TestForeign(t *testing.T) {
	s, err := startChild(ownServer(), childConfig{Listen: "127.0.0.1:0", Lines: 30, Store: filepath.Join(t.TempDir(), "x.db")})
	if err != nil {
		t.Fatal(err)
	}
	o := small(t, "storm", "refresh")
	o.SIP, o.PIDs, o.Subscriptions = s.addr(), s.pids(), 3000
	r := run(t, o)
	for _, x := range r.Results {
		if x.Operations != 3000 || x.CPU <= 0 || x.Syncs != 0 {
			t.Errorf("%+v", x)
		}
	}
	if r.Server != s.addr().String() || r.Results[0].Bytes <= 0 {
		t.Errorf("%+v", r)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
}

// TestInterrupted: a run that is ended ends at once and leaves no process.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	o := small(t, "soak")
	o.Duration = time.Hour
	began := time.Now()
	if _, err := Run(ctx, o); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
	files, _ := os.ReadDir(o.Store)
	if len(files) != 0 {
		t.Errorf("left behind: %v", files)
	}
}

func TestOptions(t *testing.T) {
	sip := netip.MustParseAddrPort("127.0.0.1:5060")
	for words, change := range map[string]func(*Options){
		"no scenario \"x\"":    func(o *Options) { o.Scenarios = []string{"x"} },
		"subscriptions is 0":   func(o *Options) { o.Subscriptions = 0 },
		"loss is 0.7":          func(o *Options) { o.Loss = 0.7 },
		"needs --publish":      func(o *Options) { o.SIP = sip },
		"restart runs with":    func(o *Options) { o.SIP, o.Scenarios = sip, []string{"restart"} },
		"duration":             func(o *Options) { o.Duration = 0 },
		"is not IPv4":          func(o *Options) { o.SIP, o.Scenarios = netip.MustParseAddrPort("[::1]:5060"), []string{"storm"} },
		"beside whom":          func(o *Options) { o.SIP, o.Beside, o.Scenarios = sip, sip, []string{"storm"} },
		"limit runs with":      func(o *Options) { o.Beside, o.Scenarios = sip, []string{"limit"} },
		"cannot be profiled":   func(o *Options) { o.SIP, o.Scenarios, o.Profiles = sip, []string{"storm"}, "." },
		"outstanding is 0; it": func(o *Options) { o.Outstanding = 0 },
	} {
		o := small(t)
		change(&o)
		if _, err := Run(t.Context(), o); !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", words, err)
		}
	}
}
