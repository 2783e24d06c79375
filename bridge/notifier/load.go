package notifier

import (
	"context"
	"errors"
	"time"

	"blfbridge/bridge/eventpkg"
	"blfbridge/bridge/store"
	"blfbridge/bridge/subscription"
)

// load acquires every shard and brings its subscriptions back, trying again until the
// store answers. Meanwhile the loops serve what they can.
func (n *Notifier) load(ctx context.Context) {
	if n.backend == nil {
		for _, l := range n.loops {
			l.box.post(message{call: func(l *loop) {
				for id := range uint16(store.Shards) {
					l.shard(id).loaded = true
				}
			}})
		}
		close(n.ready)
		return
	}
	start, total := time.Now(), 0
	var missing []uint16
	for id := range uint16(store.Shards) {
		missing = append(missing, id)
	}
	for len(missing) > 0 {
		var failed []uint16
		for i, id := range missing {
			count, err := n.loadShard(ctx, id)
			if err == nil {
				total += count
				continue
			}
			if ctx.Err() != nil {
				return
			}
			n.storeFailed(err)
			if errors.Is(err, store.ErrAway) {
				failed = append(failed, missing[i:]...)
				break
			}
			failed = append(failed, id) // the others must not wait for this one
		}
		if missing = failed; len(missing) == 0 {
			break
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
	}
	n.log.Info("subscriptions are back from the store", "subscriptions", total, "took", time.Since(start).Round(time.Millisecond))
	close(n.ready)
}

// loadShard acquires one shard and hands its records to the loops.
func (n *Notifier) loadShard(ctx context.Context, id uint16) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	epoch, err := n.backend.Acquire(ctx, id, n.owner)
	if err != nil {
		return 0, err
	}
	return n.Hold(ctx, store.Fence{Shard: id, Epoch: epoch})
}

// stored is a record as it lies in the store.
type stored struct {
	key string
	rec subscription.Record
}

// Hold takes a shard that was acquired, with the subscriptions that it holds, and tells how
// many those are. It may be called before Run, and returns when Run has done it.
func (n *Notifier) Hold(ctx context.Context, f store.Fence) (count int, err error) {
	recs := map[*loop][]stored{}
	err = n.backend.Load(ctx, f.Shard, func(key string, value []byte) error {
		rec, err := subscription.Decode(value)
		if err != nil {
			n.log.Error("a stored subscription cannot be read; it is left in the store", "shard", f.Shard, "error", err)
			return nil
		}
		l := n.loopOf(rec.Cold().CallID)
		recs[l] = append(recs[l], stored{key, rec})
		count++
		return nil
	})
	if err != nil {
		return 0, err
	}
	var done []chan struct{}
	for _, l := range n.loops {
		all, c := recs[l], make(chan struct{})
		if l.box.post(message{call: func(l *loop) {
			defer close(c)
			sh := l.shard(f.Shard)
			sh.epoch, sh.loaded = f.Epoch, true // before: what is over is deleted from the store
			for i := range all {
				l.restore(all[i].key, all[i].rec, f.Shard)
			}
			l.adopted(f.Shard)
		}}) {
			done = append(done, c)
		}
	}
	for _, c := range done {
		select {
		case <-c:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return count, nil
}

// restore takes a stored record in; its NOTIFY follows when its next block of CSeqs is
// durable.
func (l *loop) restore(key string, rec subscription.Record, id uint16) {
	if slot, found := l.slotOf(key); found {
		// Subscribed anew while the store was away, or with us while another replica had it.
		if sh := l.shard(id); l.records.at(slot).Shard != id {
			l.deltas = append(l.deltas, store.Delta{Shard: id, Epoch: sh.epoch, Key: key})
		}
		return
	}
	rec.Shard = id
	c := rec.Cold()
	flow, ok := storedFlow(&c)
	if !ok {
		l.n.log.Error("a stored subscription names no flow; it is dropped", "call_id", c.CallID, "watcher", c.WatcherID)
		return
	}
	moved := false
	if r, ok := l.n.transport.(Restorer); ok {
		was := [2]string{c.Local, c.Advertised}
		if r.Restored(flow, &c); was != [2]string{c.Local, c.Advertised} {
			rec.SetCold(c)
			flow, _ = storedFlow(&c)
			moved = was[0] != c.Local
		}
	}
	rec.Presentity = l.n.lamps.Intern(presentityOf(&rec.Hot, &c))
	dialect, _ := eventpkg.DialectByName(c.DialectName) // one that is gone: the default
	rec.Dialect = uint16(dialect)
	slot := l.add(key, rec, flow)
	l.records.at(slot).strayed = moved
	eff := l.advance(slot, subscription.Input{Kind: subscription.Restored})
	if l.n.decide != nil && !eff.Remove {
		s := standingOf(&rec.Hot, &c)
		l.decided(slot, s, l.n.decide(s))
	}
}

// adopted: the shard is ours from now on; what it holds is written under our epoch.
func (l *loop) adopted(id uint16) {
	for slot := range l.records.count {
		e := l.records.at(slot)
		if e.used && e.Shard == id {
			l.adopt(slot)
		}
	}
}

func (l *loop) adopt(slot int32) {
	e := l.records.at(slot)
	l.persist(slot, e.Status == subscription.Terminated)
	if g := l.waits(); !e.ready {
		g.restored = append(g.restored, slotRef{slot, e.gen})
	}
}

// Rewrite stores every subscription again: a Redis that returns from a crash may have
// lost the last second of what it had acknowledged. It never blocks.
func (n *Notifier) Rewrite() {
	for _, l := range n.loops {
		l.box.post(message{call: func(l *loop) {
			for slot := range l.records.count {
				if e := l.records.at(slot); e.used && e.ready && e.Status != subscription.Terminated {
					l.persist(slot, false)
				}
			}
		}})
	}
}

// seal writes every record as a clean stop leaves it. The loop has ended.
func (l *loop) seal() {
	for _, m := range l.box.close() {
		if m.subscribe != nil {
			m.subscribe.Answer(Answer{Status: 503, RetryAfter: 2 * time.Second})
		}
		if m.granted != nil {
			for i := range m.granted.subscribes { // durable already: the answer may still arrive
				g := &m.granted.subscribes[i]
				if g.answer.Expires = g.sub.Expires; m.granted.err != nil {
					g.answer = Answer{Status: 503, RetryAfter: 2 * time.Second}
				}
				g.sub.Answer(g.answer)
			}
		}
	}
	l.deltas = l.deltas[:0]
	for slot := range l.records.count {
		e := l.records.at(slot)
		if e.used && e.Status != subscription.Terminated && e.ready {
			e.Seal()
			l.persist(slot, false)
		}
	}
	if len(l.deltas) > 0 {
		l.n.committer.Submit(l.deltas, nil, func(err error) {
			if err != nil {
				l.n.storeFailed(err)
			}
		})
	}
}
