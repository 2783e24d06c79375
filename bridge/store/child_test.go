package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"blfbridge/bridge/store"
)

// child is what the test binary does when a test runs it again as a process of its
// own: to be killed, or to live under a file size limit.
func child(job string) {
	jobs := map[string]func(path string) error{"commit": commitUntilKilled, "full": fillDisk}
	if err := jobs[job](os.Getenv("BLF_STORE_PATH")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// commitUntilKilled writes to stdout each "shard key number" that was acknowledged.
func commitUntilKilled(path string) error {
	ctx := context.Background()
	b, err := store.Open(ctx, store.Config{Path: path, JournalLimit: 500_000}) // many turns
	if err != nil {
		return err
	}
	base, err := strconv.Atoi(os.Getenv("BLF_STORE_BASE"))
	if err != nil {
		return err
	}
	c := store.NewCommitter(b, store.CommitterConfig{})
	var wg sync.WaitGroup
	for w := range 4 {
		shard := uint16(w)
		epoch, err := b.Acquire(ctx, shard, "child")
		if err != nil {
			return err
		}
		wg.Go(func() {
			for n := base; ; n++ {
				var answered sync.WaitGroup
				for k := range 20 {
					answered.Add(1)
					// Sizes vary, so that pages split and the file grows.
					value := append(strconv.AppendInt(nil, int64(n), 10), make([]byte, 1+(n*31+k*97)%3000)...)
					c.Submit([]store.Delta{{Shard: shard, Epoch: epoch, Key: strconv.Itoa(k), Value: value}}, nil, func(err error) {
						if err == nil {
							fmt.Printf("%d %d %d\n", shard, k, n)
						}
						answered.Done()
					})
				}
				answered.Wait()
			}
		})
	}
	wg.Wait()
	return nil
}

// fillDisk commits until the file may not grow, then gets room and must recover.
func fillDisk(path string) error {
	signal.Ignore(syscall.SIGXFSZ)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	b, err := store.Open(ctx, store.Config{Path: path})
	if err != nil {
		return err
	}
	epoch, err := b.Acquire(ctx, 7, "child")
	if err != nil {
		return err
	}
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		return err
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1 << 20, Max: was.Max}); err != nil {
		return err
	}
	c := store.NewCommitter(b, store.CommitterConfig{RetryMin: 10 * time.Millisecond, RetryMax: 50 * time.Millisecond})
	submit := func(i int) error {
		got := make(chan error)
		c.Submit([]store.Delta{{Shard: 7, Epoch: epoch, Key: strconv.Itoa(i), Value: make([]byte, 100<<10)}}, nil, func(err error) { got <- err })
		return <-got
	}
	durable := 0
	for err = nil; err == nil && durable < 100; durable++ {
		err = submit(durable)
	}
	if !errors.Is(err, store.ErrAway) || durable < 3 {
		return fmt.Errorf("with the disk full, submission %d was answered %v", durable, err)
	}
	if direct := b.Commit(ctx, []store.Delta{{Shard: 7, Epoch: epoch, Key: "more", Value: make([]byte, 900<<10)}}, nil); direct == nil {
		return errors.New("a commit worked although the disk is full")
	} else {
		fmt.Println(direct)
	}
	if err := submit(durable); !errors.Is(err, store.ErrAway) || !c.Away() || c.Pending() != 2 {
		return fmt.Errorf("while away: answered %v, away %v, pending %d", err, c.Away(), c.Pending())
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		return err
	}
	for c.Away() {
		if ctx.Err() != nil {
			return errors.New("still away although there is room")
		}
		time.Sleep(5 * time.Millisecond)
	}
	if err := submit(durable + 1); err != nil {
		return fmt.Errorf("after the return: %w", err)
	}
	if err := c.Close(ctx); err != nil {
		return err
	}
	n := 0
	if err := b.Load(ctx, 7, func(string, []byte) error { n++; return nil }); err != nil {
		return err
	}
	if n != durable+2 {
		return fmt.Errorf("%d entries stored, want %d", n, durable+2)
	}
	return b.Close()
}
