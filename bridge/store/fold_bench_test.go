package store

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"
)

func cpuNow() int64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}

// BenchmarkFold is what it costs to fold a journal of refreshes into a file of 200,000.
func BenchmarkFold(b *testing.B) {
	const subscriptions, group = 200_000, 100
	s, err := openBolt(b.Context(), Config{Path: filepath.Join(b.TempDir(), "x.db"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	value := make([]byte, 300)
	next := 0
	some := func() []Delta {
		d := make([]Delta, group)
		for i := range d {
			n := next % subscriptions
			if next++; next > subscriptions { // phones refresh in no order
				n = rand.IntN(subscriptions)
			}
			d[i] = Delta{Shard: uint16(n * 2654435761 >> 7 % Shards), Epoch: 1, Key: fmt.Sprintf("%d-abcdefgh@phone\x00p%d\x00dialog\x00", n, n), Value: value}
		}
		return d
	}
	fill := func(n int) {
		for range n / group {
			if err := s.Commit(b.Context(), some(), nil); err != nil {
				b.Fatal(err)
			}
		}
	}
	fill(subscriptions)
	if err := s.settle(); err != nil {
		b.Fatal(err)
	}
	var cpu int64
	records := 0
	for b.Loop() {
		b.StopTimer()
		fill(40_000)
		records += 40_000
		b.StartTimer()
		began := cpuNow()
		if err := s.settle(); err != nil {
			b.Fatal(err)
		}
		cpu += cpuNow() - began
	}
	b.ReportMetric(float64(cpu)/float64(records), "CPU-ns/record")
}
