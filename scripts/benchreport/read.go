package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"blfbridge/bridge/bench"
)

// measured is what the files of a folder hold.
type measured struct {
	runs   map[string][]bench.Report // by what was measured
	beside [][2]bench.Report         // ours and Kamailio, measured in turns
	micro  map[string][]float64      // "name unit" of go test -bench
	bad    []string                  // breaches that phones saw
	first  bench.Conditions
	counts int // repeats
}

func read(folder string) (*measured, error) {
	m := &measured{runs: map[string][]bench.Report{}, micro: map[string][]float64{}}
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no measurement in %s: %v", folder, err)
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		var r bench.Report
		if err := json.Unmarshal(data, &r); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		what, _, _ := strings.Cut(filepath.Base(path), ".")
		own, other := apart(r)
		m.add(what, own)
		if len(other.Results) > 0 {
			m.beside = append(m.beside, [2]bench.Report{own, other})
			m.add("kamailio", other)
		}
		if m.first.Date == "" || r.Conditions.Date < m.first.Date {
			m.first = r.Conditions
		}
	}
	data, err := os.ReadFile(filepath.Join(folder, "micro.txt"))
	if err != nil {
		return nil, err
	}
	m.readMicro(string(data))
	return m, nil
}

func (m *measured) add(what string, r bench.Report) {
	m.runs[what] = append(m.runs[what], r)
	m.counts = max(m.counts, len(m.runs[what]))
	for i := range r.Results {
		if err := r.Results[i].Err(); err != nil {
			m.bad = append(m.bad, fmt.Sprintf("%s: %v", what, err))
		}
	}
}

// apart tells what was measured of the server beside from the rest.
func apart(r bench.Report) (own, other bench.Report) {
	own, other = r, r
	own.Results, other.Results = nil, nil
	for _, x := range r.Results {
		if x.Server == "" {
			own.Results = append(own.Results, x)
		} else {
			other.Results = append(other.Results, x)
		}
	}
	return own, other
}

// readMicro reads lines of go test -bench: "BenchmarkX-2  1000  12.5 ns/op  0 allocs/op".
func (m *measured) readMicro(text string) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 4 || !strings.HasPrefix(f[0], "Benchmark") {
			continue
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(f[0], "Benchmark"), "-")
		for i := 2; i+1 < len(f); i += 2 {
			if v, err := strconv.ParseFloat(f[i], 64); err == nil {
				key := name + " " + f[i+1]
				m.micro[key] = append(m.micro[key], v)
			}
		}
	}
}

// of is the median of a value over all results of a scenario; ok is false without any.
func (m *measured) of(what, scenario string, value func(*bench.Result) float64) (v float64, ok bool) {
	var all []float64
	for _, r := range m.runs[what] {
		for i := range r.Results {
			if r.Results[i].Scenario == scenario {
				if v := value(&r.Results[i]); v > 0 {
					all = append(all, v)
				}
			}
		}
	}
	return median(all)
}

// pairs are the medians of two scenarios that ran in turns, and the median of what one takes
// of the other in each pair: what changes on the machine within a minute meets both.
func (m *measured) pairs(what, first, second string, value func(*bench.Result) float64) (a, b, ratio float64, ok bool) {
	var as, bs, ratios []float64
	for _, r := range m.runs[what] {
		for i := 1; i < len(r.Results); i++ {
			x, y := &r.Results[i-1], &r.Results[i]
			if x.Scenario == first && y.Scenario == second && value(x) > 0 {
				as, bs, ratios = append(as, value(x)), append(bs, value(y)), append(ratios, value(y)/value(x))
			}
		}
	}
	a, _ = median(as)
	b, _ = median(bs)
	ratio, ok = median(ratios)
	return a, b, ratio, ok
}

// further is what one subscription more takes: by the difference of two sizes, since a
// process takes memory of its own too.
func (m *measured) further(small, large string, value func(*bench.Result) float64) (float64, bool) {
	count := func(r *bench.Result) float64 { return float64(r.Subscriptions) }
	a, ok1 := m.of(small, "storm", value)
	b, ok2 := m.of(large, "storm", value)
	na, _ := m.of(small, "storm", count)
	nb, _ := m.of(large, "storm", count)
	if !ok1 || !ok2 || nb <= na {
		return 0, false
	}
	return (b*nb - a*na) / (nb - na), true
}

// mean is what an operation costs over all results of a scenario together: what is done now
// and then, such as folding the store's journal, counts as often as it is done.
func (m *measured) mean(what, scenario string, value func(*bench.Result) float64) (v float64, ok bool) {
	return mean(m.runs[what], scenario, value)
}

func mean(runs []bench.Report, scenario string, value func(*bench.Result) float64) (v float64, ok bool) {
	operations := 0
	for _, r := range runs {
		for i := range r.Results {
			if x := &r.Results[i]; x.Scenario == scenario {
				v += value(x) * float64(x.Operations)
				operations += x.Operations
			}
		}
	}
	return v / float64(max(operations, 1)), v > 0
}

// turns are the means of ours and of Kamailio, and the median of their ratios in each run,
// in which both were measured in turns.
func (m *measured) turns(scenario string, value func(*bench.Result) float64) (a, b, ratio float64, ok bool) {
	var as, bs, ratios []float64
	for _, pair := range m.beside {
		x, ok1 := mean(pair[:1], scenario, value)
		y, ok2 := mean(pair[1:], scenario, value)
		if ok1 && ok2 {
			as, bs, ratios = append(as, x), append(bs, y), append(ratios, x/y)
		}
	}
	a, _ = median(as)
	b, _ = median(bs)
	ratio, ok = median(ratios)
	return a, b, ratio, ok
}

func median(all []float64) (float64, bool) {
	if len(all) == 0 {
		return 0, false
	}
	all = slices.Sorted(slices.Values(all))
	n := len(all)
	return (all[(n-1)/2] + all[n/2]) / 2, true
}

func cpu(r *bench.Result) float64      { return r.CPU }
func cpuAll(r *bench.Result) float64   { return r.CPU + r.StoreCPU }
func idleMem(r *bench.Result) float64  { return r.IdleBytes }
func ownMem(r *bench.Result) float64   { return r.IdleBytes - r.FileBytes }
func firstMem(r *bench.Result) float64 { return r.Bytes }
func gc(r *bench.Result) float64       { return r.GC }
func p99(r *bench.Result) float64 {
	if r.Notify == nil {
		return 0
	}
	return r.Notify.P99
}
func last(r *bench.Result) float64 {
	if r.Last == nil {
		return 0
	}
	return r.Last.P50
}
