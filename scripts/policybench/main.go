// Policybench measures the import of a large policy through the real path: the command
// line, REST, the store, and the policy put in force; on bbolt and on Redis. It writes
// policy/testdata/bench.txt, with the machine, and exits 1 if a bound is not held:
//
//	go run ./scripts/policybench
//
// It builds blfbridge and needs redis-server. The bounds are 10 s and 1 GB for 100,000
// lines, 1,000 groups and 50,000 phones; and 2 µs without allocation for a decision.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"blfbridge/policy/policytest"
)

const (
	groups, lines, phones = 1000, 100_000, 50_000
	maxTime               = 10 * time.Second
	maxMemory             = 1000 // MB
	record                = "policy/testdata/bench.txt"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "policybench:", err)
		os.Exit(1)
	}
}

func run() error {
	dir, err := os.MkdirTemp("", "blfbridge-policybench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{dir: dir, program: filepath.Join(dir, "blfbridge"), file: filepath.Join(dir, "policy.yaml")}
	if out, err := exec.Command("go", "build", "-o", b.program, "./cmd/blfbridge").CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	text := policytest.Office(groups, lines, phones)
	if err := os.WriteFile(b.file, []byte(text), 0o600); err != nil {
		return err
	}
	var out bytes.Buffer
	w := io.MultiWriter(os.Stdout, &out)
	fmt.Fprintf(w, "# go run ./scripts/policybench: %d lines, %d groups, %d phones, %.1f MB of YAML\n", lines, groups, phones, float64(len(text))/1e6)
	fmt.Fprintf(w, "# %s, %d cores, %s, %s, load %s at the start\n", cpuName(), runtime.NumCPU(), runtime.Version(), time.Now().UTC().Format("2006-01-02 15:04 UTC"), load())
	fmt.Fprintf(w, "# wall: of the command; CPU: the command's and the server's, user and system; memory: the server's highest in that step\n\n")
	fmt.Fprintf(w, "%-6s %-22s %8s %12s %12s %10s\n", "store", "step", "wall s", "command CPU", "server CPU", "peak MB")
	var missed []string
	for _, store := range []string{"bolt", "redis"} {
		m, err := b.store(context.Background(), w, store)
		if err != nil {
			return fmt.Errorf("%s: %w", store, err)
		}
		missed = append(missed, m...)
	}
	m, err := decisions(w)
	if err != nil {
		return err
	}
	missed = append(missed, m...)
	fmt.Fprintf(w, "\nbounds: import ≤ %v, every step ≤ %d MB, decision < 2 µs and 0 allocations: ", maxTime, maxMemory)
	if len(missed) == 0 {
		fmt.Fprintln(w, "held")
	} else {
		fmt.Fprintln(w, "NOT held: "+strings.Join(missed, "; "))
	}
	if err := os.WriteFile(record, out.Bytes(), 0o644); err != nil {
		return err
	}
	if len(missed) > 0 {
		return fmt.Errorf("a bound is not held")
	}
	return nil
}

// decisions runs the benchmark of package policy.
func decisions(w io.Writer) (missed []string, err error) {
	out, err := exec.Command("go", "test", "-run", "^$", "-bench", "^BenchmarkDecide$", "-benchtime", "200ms", "./policy").Output()
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(w)
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) < 7 || !strings.HasPrefix(f[0], "Benchmark") {
			continue
		}
		name := strings.TrimSuffix(strings.TrimPrefix(f[0], "BenchmarkDecide/"), fmt.Sprintf("-%d", runtime.GOMAXPROCS(0)))
		fmt.Fprintf(w, "decision: %-16s %8s ns %4s B %4s allocations\n", name, f[2], f[4], f[6])
		ns := 0.0
		if _, err := fmt.Sscan(f[2], &ns); err != nil || ns >= 2000 || f[6] != "0" {
			missed = append(missed, "decision "+name)
		}
	}
	return missed, nil
}

func cpuName() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	_, rest, _ := strings.Cut(string(text), "model name")
	name, _, _ := strings.Cut(strings.TrimLeft(rest, "\t: "), "\n")
	return strings.TrimSpace(name)
}

func load() string {
	text, _ := os.ReadFile("/proc/loadavg")
	one, _, _ := strings.Cut(string(text), " ")
	return one
}
