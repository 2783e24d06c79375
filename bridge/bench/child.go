package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"blfbridge/bridge"
	"blfbridge/bridge/compositor"
	"blfbridge/bridge/config"
)

// childConfig is the first line that a child reads.
type childConfig struct {
	Listen string // address:port of the SIP socket
	Lines  int
	Limit  int    // not a bridge but the bare loop of so many sockets; 0 = a bridge
	Store  string // file of a bolt store, or redis://
	// Lease makes it one of the replicas that share the Redis; 0 = it is alone.
	Lease time.Duration
}

// childAnswer is a line that a child writes: after its start, and after each command that
// asks something.
type childAnswer struct {
	Addr    string             `json:"addr,omitempty"`
	GC      float64            `json:"gc_ms,omitempty"`
	Heap    uint64             `json:"heap,omitempty"`
	Objects uint64             `json:"objects,omitempty"`
	Metrics map[string]float64 `json:"metrics,omitempty"`
	Pairs   int                `json:"pairs,omitempty"`
	Error   string             `json:"error,omitempty"`
}

// ServeChild is the server under load, in its process: a whole bridge whose PBX is told by
// the lines of in what its phones do. It returns when in ends.
func ServeChild(ctx context.Context, in io.Reader, out io.Writer, log *slog.Logger) error {
	lines := bufio.NewScanner(in)
	if !lines.Scan() {
		return errors.New("bench: the child was told nothing")
	}
	var c childConfig
	if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
		return fmt.Errorf("bench: child: %w", err)
	}
	say := json.NewEncoder(out).Encode
	if c.Limit > 0 {
		return serveLimit(c, lines, say)
	}
	cfg := config.Defaults()
	cfg.SIP.Listen = []string{"udp://" + c.Listen}
	cfg.SIP.MaxSubscriptions = 10_000_000
	cfg.Admin.Listen = ""
	cfg.Store.Path = c.Store
	if strings.Contains(c.Store, "://") {
		cfg.Store.Type, cfg.Store.URL, cfg.Store.Prefix = "redis", []config.Secret{config.Secret(c.Store)}, "bench"
	}
	cfg.Replicas.Enabled, cfg.Replicas.Lease = c.Lease > 0, c.Lease
	pbx := config.DefaultPBX()
	pbx.Name = "hand"
	cfg.PBX = []config.PBX{pbx}
	hand := newHand(c.Lines)
	ready := hand.ready
	if c.Lease > 0 {
		ready = closed // another replica may be connected; metrics tell
	}
	registry := prometheus.NewRegistry()
	b, err := bridge.New(bridge.Options{
		Config: cfg, Registry: registry, Logger: log, Version: "bench",
		Source: func(config.PBX, *slog.Logger, prometheus.Registerer) (compositor.Source, error) { return hand, nil },
	})
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	defer cancel()
	select {
	case err := <-ended:
		return err
	case <-ready:
	}
	if err := say(childAnswer{Addr: b.Addrs()[0].Addr.String()}); err != nil {
		return err
	}
	for lines.Scan() {
		a, err := obey(strings.Fields(lines.Text()), hand, registry)
		if err != nil {
			a = &childAnswer{Error: err.Error()}
		}
		if a != nil {
			if err := say(a); err != nil {
				return err
			}
		}
	}
	cancel()
	return <-ended
}

var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// obey carries out a command; the answer is nil if none is wanted.
func obey(words []string, hand *handSource, registry prometheus.Gatherer) (*childAnswer, error) {
	if len(words) == 4 && words[0] == "set" {
		first, err1 := strconv.Atoi(words[1])
		count, err2 := strconv.Atoi(words[2])
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		hand.set(first, count, words[3] == "on")
		return nil, nil
	}
	switch strings.Join(words, " ") {
	case "settle":
		return settle(), nil
	case "metrics":
		m, err := sums(registry)
		return &childAnswer{Metrics: m}, err
	case "restarted on", "restarted off":
		hand.restarted(words[1] == "on")
		return nil, nil
	case "profile stop":
		pprof.StopCPUProfile()
		return &childAnswer{}, nil
	}
	if len(words) == 2 && words[0] == "profile" {
		f, err := os.Create(words[1])
		if err != nil {
			return nil, err
		}
		return &childAnswer{}, pprof.StartCPUProfile(f) // the file ends with the process
	}
	return nil, fmt.Errorf("bench: child: unknown command %q", words)
}

// settle gives back what is not used, and tells how long a full garbage collection of the
// rest takes.
func settle() *childAnswer {
	debug.FreeOSMemory()
	began := time.Now()
	runtime.GC()
	took := time.Since(began)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return &childAnswer{GC: round(float64(took)/1e6, 2), Heap: m.HeapAlloc, Objects: m.HeapObjects}
}

// sums are all metrics of the bridge, without labels: counters and gauges summed,
// histograms as name_count and name_sum.
func sums(g prometheus.Gatherer) (map[string]float64, error) {
	families, err := g.Gather()
	if err != nil {
		return nil, err
	}
	out := map[string]float64{}
	for _, f := range families {
		name := f.GetName()
		for _, m := range f.GetMetric() {
			switch f.GetType() {
			case dto.MetricType_COUNTER:
				out[name] += m.GetCounter().GetValue()
			case dto.MetricType_GAUGE:
				out[name] += m.GetGauge().GetValue()
			case dto.MetricType_HISTOGRAM:
				out[name+"_count"] += float64(m.GetHistogram().GetSampleCount())
				out[name+"_sum"] += m.GetHistogram().GetSampleSum()
			}
		}
	}
	return out, nil
}
