package store_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"blfbridge/bridge/store"
	"blfbridge/bridge/store/storetest"
)

// Submit → ack of records of 600 bytes over all shards, with 1 (latency) and 1000
// (throughput) submissions waiting at a time.
func BenchmarkSubmit(b *testing.B) {
	for name, start := range map[string]func(b *testing.B) store.Config{
		"bolt": func(b *testing.B) store.Config {
			return store.Config{Path: filepath.Join(b.TempDir(), "blf.db")}
		},
		"redis-everysec": func(b *testing.B) store.Config {
			_, ctl := storetest.StartRedis(b)
			return store.Config{Kind: "redis", URLs: []string{ctl.URL()}}
		},
		"redis-always": func(b *testing.B) store.Config {
			_, ctl := storetest.StartRedis(b, "--appendfsync", "always")
			return store.Config{Kind: "redis", URLs: []string{ctl.URL()}}
		},
	} {
		for _, waiting := range []int{1, 1000} {
			b.Run(fmt.Sprintf("%s/waiting=%d", name, waiting), func(b *testing.B) {
				benchmarkSubmit(b, start(b), waiting)
			})
		}
	}
}

func benchmarkSubmit(b *testing.B, cfg store.Config, waiting int) {
	s := open(b, cfg)
	defer s.Close()
	var epochs [store.Shards]store.Epoch
	for shard := range epochs {
		e, err := s.Acquire(b.Context(), uint16(shard), "bench")
		if err != nil {
			b.Fatal(err)
		}
		epochs[shard] = e
	}
	c := store.NewCommitter(s, store.CommitterConfig{})
	value := make([]byte, 600)
	slots := make(chan struct{}, waiting)
	var failed error
	var all sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	start := time.Now()
	for i := range b.N {
		slots <- struct{}{}
		shard := uint16(i % store.Shards)
		all.Add(1)
		c.Submit([]store.Delta{{Shard: shard, Epoch: epochs[shard], Key: fmt.Sprint(i % 100_000), Value: value}}, nil, func(err error) {
			if err != nil {
				failed = err
			}
			<-slots
			all.Done()
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "acks/s")
	b.StopTimer()
	if failed != nil {
		b.Fatal(failed)
	}
	if err := c.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
}
