package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"blfbridge/bridge/bench"
)

const micro = `goos: linux
BenchmarkEventToNotify/watchers=1000-2   200000   1100 ns/op   905.0 bytes/NOTIFY   10 B/op   3 allocs/op
BenchmarkEventToNotify/watchers=1000-2   200000   1300 ns/op   905.0 bytes/NOTIFY   10 B/op   5 allocs/op
PASS
`

// folder holds two repeats of ours and one of the others.
func folder(t *testing.T) string {
	dir := t.TempDir()
	put := func(name string, results ...bench.Result) {
		data, err := json.Marshal(bench.Report{Results: results, Conditions: bench.Conditions{CPU: "A <fast> one", Cores: 2, Date: "2026-01-02 03:04"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	notify := &bench.Latency{Count: 10, P99: 120}
	put("bolt.1.json", bench.Result{Scenario: "fanout", CPU: 6}, bench.Result{Scenario: "fanout", Server: "other", CPU: 20},
		bench.Result{Scenario: "storm", CPU: 20, Operations: 50}, bench.Result{Scenario: "storm", Server: "other", CPU: 15, Operations: 100, VersionGaps: 2},
		bench.Result{Scenario: "storm", CPU: 60, Operations: 50}, bench.Result{Scenario: "storm", Server: "other", CPU: 25, Operations: 100})
	put("bolt.2.json", bench.Result{Scenario: "fanout", CPU: 8}, bench.Result{Scenario: "storm", CPU: 60, Operations: 100}, bench.Result{Scenario: "storm", Server: "other", CPU: 50, Operations: 100})
	limit, fanout := bench.Result{Scenario: "limit"}, bench.Result{Scenario: "fanout"}
	limit.CPU, fanout.CPU = 2, 4.4
	put("limit.1.json", limit, fanout, bench.Result{Scenario: "limit", CPU: 4}, bench.Result{Scenario: "fanout", CPU: 8})
	limit.CPU, fanout.CPU = 3, 6
	put("limit.2.json", limit, fanout)
	put("memory-20k.1.json", bench.Result{Scenario: "storm", Subscriptions: 20_000, IdleBytes: 900})
	put("memory-100k.1.json", bench.Result{Scenario: "storm", Subscriptions: 100_000, IdleBytes: 740})
	put("open.1.json", bench.Result{Scenario: "storm", Notify: notify})
	put("size-1m.1.json", bench.Result{Scenario: "storm", CPU: 50, Operations: 1000, IdleBytes: 700, GC: 12})
	put("size-1k.1.json", bench.Result{Scenario: "storm", CPU: 30, Operations: 300}, bench.Result{Scenario: "storm", CPU: 70, Operations: 100, IdleBytes: 900})
	if err := os.WriteFile(filepath.Join(dir, "micro.txt"), []byte(micro), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestReport(t *testing.T) {
	out := t.TempDir()
	var text strings.Builder
	if err := run(folder(t), out+"/bench.txt", out+"/bench-", false, &text); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(out + "/bench.txt")
	if err != nil || string(file) != text.String() {
		t.Errorf("%v: the file holds %q", err, file)
	}
	squeezed := strings.Join(strings.Fields(text.String()), " ")
	for _, words := range []string{
		"NOTIFY with its 200, in pairs CPU µs 6 system calls alone 3 2.00 ≤ 2.2 ≤ 1.5 met",
		"at once CPU µs 7 Kamailio 20 0.35 ≤ 0.4 ≤ 0.28 met", // 20.0 and 20 read alike
		"theirs in memory CPU µs 50 Kamailio, in turns 35 1.60 ≤ 1 ≤ 0.6 NOT met",
		"p99 to the NOTIFY ms 120 ≤ 300 ≤ 100 met",
		"idle memory per subscription, 1m B 700 ≤ 600 ≤ 350 NOT met",
		"idle memory per further subscription, 20k to 100k B 700 ≤ 600 ≤ 350 NOT met",
		"storm with 1m subscriptions CPU µs 50 with 1,000 40 1.25 ≤ 1.25 ≤ 1.1 met",
		"allocations per NOTIFY 4 ≤ 2 ≤ 0 NOT met",
		"Breaches that phones saw: kamailio: bench: storm: 2 gaps in versions",
		"A <fast> one, 2 cores",
	} {
		if !strings.Contains(strings.ReplaceAll(squeezed, ".0 ", " "), words) {
			t.Errorf("no %q in\n%s", words, text.String())
		}
	}
	for _, name := range []string{"cpu", "size"} {
		f, err := os.Open(out + "/bench-" + name + ".svg")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		elements, d := 0, xml.NewDecoder(f)
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if e, ok := token.(xml.StartElement); ok && e.Name.Local == "rect" {
				elements++
			}
		}
		if elements < 3 {
			t.Errorf("%s: %d rectangles", name, elements)
		}
	}
}

// TestCheck: memory and allocations may fail a run, times never.
func TestCheck(t *testing.T) {
	out := t.TempDir()
	err := run(folder(t), out+"/bench.txt", out+"/bench-", true, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "idle memory per subscription, 1m: 700 B, must be at most 600") ||
		!strings.Contains(err.Error(), "allocations per NOTIFY: 4") || strings.Contains(err.Error(), "CPU") {
		t.Errorf("%v", err)
	}
	if err := run(t.TempDir(), out+"/x", out+"/y", false, io.Discard); err == nil || !strings.Contains(err.Error(), "no measurement") {
		t.Errorf("%v", err)
	}
}

func TestMedian(t *testing.T) {
	if v, ok := median([]float64{5, 1, 3}); v != 3 || !ok {
		t.Error(v)
	}
	if v, ok := median([]float64{4, 1}); v != 2.5 || !ok {
		t.Error(v)
	}
	if _, ok := median(nil); ok {
		t.Error("nothing has a median")
	}
}
