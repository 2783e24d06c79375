package notifier

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"blfbridge/bridge/store"
	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

// retryAway is when a phone may ask again that asked while Redis did not answer.
const retryAway = 2 * time.Second

// Shared is what the notifier asks of the store that it shares with other replicas.
type Shared interface {
	// Claim looks for the first of the keys that is in a shard of another replica, and moves
	// it into one of ours. It does not block, and calls take once, maybe before it returns; a
	// value of nil says that nobody has it, err that this is not known, or that it is not
	// wanted as it is: wanted is asked before it is moved, maybe several times.
	Claim(keys []string, to uint16, wanted Wanted, take func(key string, value []byte, err error))
	// Reclaim does so for each of the keys, one after the other; home says into which shard,
	// false = there is none yet. It does not block, and calls take once for each key, with
	// nil if it could not be had.
	Reclaim(keys []string, home func(key string) (uint16, bool), wanted Wanted, take func(key string, to uint16, value []byte))
}

// Wanted reports whether a stored subscription is to be taken from another replica. It is
// called on any goroutine.
type Wanted = func(key string, value []byte) bool

// notAfter wants a subscription unless its phone sent a later request than that one to
// another replica: that is where it is now.
func notAfter(value []byte, cseq uint32) bool {
	rec, err := subscription.Decode(value)
	return err != nil || rec.RemoteCSeq <= cseq // what cannot be read is refused where it is restored
}

// Homes says which of the shards that are held take new subscriptions; none = they are
// refused for now.
func (n *Notifier) Homes(shards []uint16) {
	n.homes.Store(&shards)
	if n.shared != nil && len(shards) > 0 {
		select {
		case <-n.ready:
		default:
			close(n.ready)
		}
	}
}

// home is the shard of a new subscription; false = there is none now.
func (n *Notifier) home(callID string) (uint16, bool) {
	id := shardOf(callID)
	if n.shared == nil {
		return id, true
	}
	if all := n.homes.Load(); all != nil && len(*all) > 0 {
		return (*all)[int(id)%len(*all)], true
	}
	return 0, false
}

// LetGo drops a shard that another process has taken over, with its subscriptions.
func (n *Notifier) LetGo(f store.Fence) {
	for _, l := range n.loops {
		l.box.post(message{call: func(l *loop) { l.lost(f.Shard, f.Epoch) }})
	}
}

// reclaim takes subscriptions back that another process took over while we were not heard of:
// their phones have connections to us, and no other process has a way to them, unless they
// asked there since: connected has the CSeq of each one's last request to us.
func (l *loop) reclaim(connected map[string]uint32) {
	if len(connected) == 0 || l.n.shared == nil {
		return
	}
	keys := slices.Sorted(maps.Keys(connected))
	for _, k := range keys {
		l.returning[k] = struct{}{}
	}
	l.n.shared.Reclaim(keys, func(key string) (uint16, bool) {
		callID, _, _ := strings.Cut(key, "\x00")
		return l.n.home(callID)
	}, func(key string, value []byte) bool { return notAfter(value, connected[key]) }, func(key string, to uint16, value []byte) {
		l.box.post(message{call: func(l *loop) {
			delete(l.returning, key)
			rec, err := subscription.Decode(value)
			if value == nil || err != nil {
				l.n.log.Debug("a subscription could not be taken back", "key", key, "found", value != nil)
				return // ended, or the phone went elsewhere meanwhile
			}
			l.restore(key, rec, to)
			if slot, found := l.slotOf(key); found {
				l.adopt(slot)
			}
		}})
	})
}

// Count is how many subscriptions of a shard there are.
func (n *Notifier) Count(ctx context.Context, shard uint16) (count int, err error) {
	for _, l := range n.loops {
		if err := n.in(ctx, l, func(l *loop) { count += l.shard(shard).count }); err != nil {
			return 0, err
		}
	}
	return count, nil
}

// Unknown names those of the entries of a shard that are not held, and could be.
func (n *Notifier) Unknown(ctx context.Context, shard uint16, stored map[string][]byte) (keys []string, err error) {
	by := map[*loop][]string{}
	for k, v := range stored {
		if _, err := subscription.Decode(v); err == nil { // what cannot be read is left in the store
			callID, _, _ := strings.Cut(k, "\x00")
			l := n.loopOf(callID)
			by[l] = append(by[l], k)
		}
	}
	for l, all := range by {
		if err := n.in(ctx, l, func(l *loop) {
			for _, k := range all {
				if slot, found := l.slotOf(k); !found || l.records.at(slot).Shard != shard {
					keys = append(keys, k)
				}
			}
		}); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// Total is how many subscriptions there are.
func (n *Notifier) Total() int { return n.Counts(policy.Watcher{}).Total }

// Gone drops subscriptions of a shard that went to other replicas.
func (n *Notifier) Gone(shard uint16, keys []string) {
	for _, l := range n.loops {
		l.box.post(message{call: func(l *loop) {
			for _, k := range keys {
				if slot, found := l.slotOf(k); found && l.records.at(slot).Shard == shard {
					l.isGone(slot)
				}
			}
		}})
	}
}

// Went drops a subscription that went to another replica, unless it is back. It does not block.
func (n *Notifier) Went(w store.Went) {
	callID, _, _ := strings.Cut(w.Key, "\x00")
	l := n.loopOf(callID)
	if l.box.backlog() > n.backlog {
		return // Gone follows
	}
	l.box.post(message{call: func(l *loop) { l.went(w) }})
}

// went drops a subscription that another process has: w is what it took, or what was not
// written because it had been taken.
func (l *loop) went(w store.Went) {
	slot, found := l.slotOf(w.Key)
	if !found {
		return
	}
	e := l.records.at(slot)
	moved, err := subscription.Decode(w.Value)
	if err == nil && e.Shard == w.Shard && !e.Follows(&moved.Hot) {
		l.n.log.Debug("a subscription is another replica's now", "key", w.Key, "shard", w.Shard, "cseq", e.CSeq)
		l.isGone(slot)
	}
}

// isGone drops a record that another process has.
func (l *loop) isGone(slot int32) {
	e := l.records.at(slot)
	if e.refused {
		l.n.stale.Add(1)
	}
	l.cancel(e)
	l.remove(slot, false)
}

// Stale is how many NOTIFYs phones refused because another process had their subscription
// already, and this one did not know. It is safe for concurrent use.
func (n *Notifier) Stale() int { return int(n.stale.Load()) }

// elsewhere asks the other replicas for a subscription that we do not have, and reports
// whether the SUBSCRIBE waits for them.
func (l *loop) elsewhere(s *Subscribe, to uint16) bool {
	if l.n.shared == nil || s.sought {
		return false
	}
	k := key(s.CallID, s.RemoteTag, s.Package, s.Cold.EventID)
	if _, soon := l.returning[k]; soon {
		l.answerTo(s, Answer{Status: 503, RetryAfter: retryAway})
		return true
	}
	s.sought = true
	line := s.Decision.Line
	keys := []string{k, k + "\x00" + line.Tenant + "\x00" + line.Partition + "\x00" + line.Number}
	wanted := func(_ string, value []byte) bool { return notAfter(value, s.CSeq) }
	l.n.shared.Claim(keys, to, wanted, func(key string, value []byte, err error) {
		if !l.box.post(message{call: func(l *loop) { l.claimed(s, to, stored{key: key}, value, err) }}) {
			s.Answer(Answer{Status: 503, RetryAfter: retryAway})
		}
	})
	return true
}

// claimed goes on with a SUBSCRIBE whose subscription was looked for elsewhere.
func (l *loop) claimed(s *Subscribe, to uint16, got stored, value []byte, err error) {
	if err == nil && value != nil {
		if got.rec, err = subscription.Decode(value); err == nil {
			l.restore(got.key, got.rec, to)
			if slot, found := l.slotOf(got.key); found {
				l.adopt(slot)
			}
		}
	}
	if err != nil {
		if errors.Is(err, store.ErrAway) {
			l.n.storeFailed(err)
		}
		l.answerTo(s, Answer{Status: 503, RetryAfter: retryAway}) // 481 would end what may well stand
		return
	}
	l.subscribe(s)
}
