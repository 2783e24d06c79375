package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/device"
)

// follower tells a compositor what the holder of the feed publishes.
type follower struct {
	f    *Feed
	sink compositor.Sink

	at at // the last entry that was read; n of 0 = none, any may come
	// seen has the number that each device was read with, until the entries of the time of
	// reading are over: they must not bring back what the hash was ahead of.
	seen   map[string]uint64
	newest uint64 // of seen
}

// errFree: nobody holds the feed.
var errFree = errors.New("cluster: nobody holds the feed")

// follow returns nil when the feed is free or ctx ends. It calls joined when it knows
// everything.
func (f *Feed) follow(ctx context.Context, sink compositor.Sink, joined func()) error {
	w := &follower{f: f, sink: sink}
	f.log.Info("this replica follows the PBX's feed")
	err := w.join(ctx)
	if err == nil {
		joined()
	}
	for err == nil && ctx.Err() == nil {
		err = w.next(ctx)
	}
	if errors.Is(err, errFree) || ctx.Err() != nil {
		return nil
	}
	return err
}

// join reads everything anew: the hash of devices, which is followed by the stream from the
// entry on up to which it was saved. It may be ahead of that: what of an entry it has already
// is left out.
func (w *follower) join(ctx context.Context) error {
	var all []device.Status
	for read := ""; ; {
		about, err := within(ctx, w.f.c, func() ([]any, error) {
			return w.f.c.client.HMGet(ctx, w.f.keys.lease, "snapshot", "at", "down").Result()
		})
		if err != nil {
			return err
		}
		snapshot, _ := about[0].(string)
		if snapshot != read || read == "" {
			w.at = at{}
			if id, ok := about[1].(string); ok {
				if w.at, err = parseAt(id); err != nil {
					return err
				}
			}
		}
		if snapshot != read {
			if all, err = w.load(ctx, snapshot); err != nil {
				return err
			}
			read = snapshot
			continue // once more: it may have been deleted under our eyes
		}
		if read != "" {
			w.sink.Snapshot(all)
		}
		if why, ok := about[2].(string); ok {
			w.sink.Down(errors.New(why))
		}
		w.f.reached(w.at.n, time.Time{})
		w.f.c.metrics.joined(w.f.Name())
		return nil
	}
}

// load reads a hash of devices.
func (w *follower) load(ctx context.Context, hash string) (all []device.Status, err error) {
	w.seen, w.newest = map[string]uint64{}, 0
	var cursor uint64
	for {
		page, err := within(ctx, w.f.c, func() (*redis.ScanCmd, error) {
			cmd := w.f.c.client.HScan(ctx, hash, cursor, "", chunk)
			return cmd, cmd.Err()
		})
		if err != nil {
			return nil, err
		}
		var fields []string
		fields, cursor = page.Val()
		for i := 0; i+1 < len(fields); i += 2 {
			if _, again := w.seen[fields[i]]; again {
				continue
			}
			var k kept
			if err := json.Unmarshal([]byte(fields[i+1]), &k); err != nil {
				return nil, fmt.Errorf("cluster: the device %q in %s cannot be read: %w", fields[i], hash, err)
			}
			w.seen[fields[i]] = k.N
			w.newest = max(w.newest, k.N)
			all = append(all, k.Status)
		}
		if cursor == 0 {
			return all, nil
		}
	}
}

// next waits for entries and takes them in.
func (w *follower) next(ctx context.Context) error {
	wait := w.f.c.lease / 3
	read, err := within(ctx, w.f.c, func() ([]redis.XStream, error) {
		got, err := w.f.c.client.XRead(ctx, &redis.XReadArgs{
			Streams: []string{w.f.keys.feed, w.at.String()}, Count: 100, Block: wait,
		}).Result()
		if errors.Is(err, redis.Nil) {
			return nil, nil
		}
		return got, err
	})
	if err != nil {
		return err
	}
	if len(read) == 0 {
		return w.idle(ctx)
	}
	for _, m := range read[0].Messages {
		here, e, err := decodeEntry(m)
		if err != nil {
			return err
		}
		if e.Snapshot != "" {
			return w.join(ctx)
		}
		if repairs && here.n != w.at.n+1 && w.at.n != 0 {
			w.f.c.metrics.gap(w.f.Name())
			w.f.log.Warn("entries of the PBX's feed are missing; all devices are read again", "last", w.at, "next", here)
			pause(ctx, saveEvery) // then the hash is beyond
			return w.join(ctx)
		}
		w.at = here
		w.apply(here.n, &e)
		if e.Released {
			return errFree
		}
	}
	return nil
}

// idle looks, when nothing came, whether anything should have.
func (w *follower) idle(ctx context.Context) error {
	s, err := w.f.look(ctx)
	switch {
	case err != nil:
		return err
	case s.left == 0:
		return errFree
	case repairs && s.n != w.at.n:
		// Published between the read and the look; or entries were lost in a failover, and
		// the stream goes on with lower ids than the last that was read.
		return w.join(ctx)
	}
	return nil
}

// apply tells the compositor what an entry says.
func (w *follower) apply(n uint64, e *entry) {
	if w.seen != nil && n > w.newest {
		w.seen = nil
	}
	now := time.Now()
	for _, d := range e.Changed {
		if w.seen[d.Name] > n {
			continue
		}
		w.f.c.metrics.lag(now.Sub(d.At))
		w.sink.Change(d)
	}
	for _, name := range e.Removed {
		if w.seen[name] <= n {
			w.sink.Remove(name)
		}
	}
	if e.Down != nil {
		w.sink.Down(errors.New(*e.Down))
	}
	var newest time.Time
	if len(e.Changed) > 0 {
		newest = e.Changed[len(e.Changed)-1].At
	}
	w.f.reached(n, newest)
	w.f.c.metrics.applied(w.f.Name())
}

func ignoreNil(s string, err error) (string, error) {
	if errors.Is(err, redis.Nil) {
		return "", nil
	}
	return s, err
}
