package notifier

import (
	"hash/maphash"
	"slices"

	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

// add puts a record into a free slot and into the indexes.
func (l *loop) add(key string, rec subscription.Record, flow Flow) int32 {
	var slot int32
	if n := len(l.free); n > 0 {
		slot = l.free[n-1]
		l.free = l.free[:n-1]
	} else {
		slot = l.records.grow()
	}
	e := l.records.at(slot)
	*e = entry{Hot: rec.Hot, way: l.wayOf(flow), gen: e.gen + 1, txn: -1, used: true}
	e.at = l.put(slot, rec.Encoded())
	if l.keyOf(slot) != key {
		l.oddKeys[slot] = key
	}
	l.byKey[maphash.String(l.seed, key)] = slot
	l.watchers[e.Presentity] = append(l.watchers[e.Presentity], slot)
	if flow.Transport.Stream() {
		l.flows[flow] = append(l.flows[flow], slot)
	}
	l.shard(e.Shard).count++
	l.n.metrics.opened(e.Package)
	l.count(e)
	return slot
}

// keyOf is what a record is named by in the store.
func (l *loop) keyOf(slot int32) string {
	if k, ok := l.oddKeys[slot]; ok {
		return k
	}
	e := l.records.at(slot)
	c := l.coldOf(e)
	return key(c.CallID, c.RemoteTag, e.Package, c.EventID)
}

// slotOf finds a record by its key.
func (l *loop) slotOf(key string) (slot int32, found bool) {
	slot, found = l.byKey[maphash.String(l.seed, key)]
	return slot, found && l.keyOf(slot) == key
}

// remove takes a record out of memory, and out of the store if forget.
func (l *loop) remove(slot int32, forget bool) {
	e := l.records.at(slot)
	if forget {
		l.persist(slot, true)
	}
	l.cancel(e)
	l.unpace(e)
	l.route(slot, "")
	if h := maphash.String(l.seed, l.keyOf(slot)); l.byKey[h] == slot {
		delete(l.byKey, h)
	}
	delete(l.oddKeys, slot)
	l.unwatch(e.Presentity, slot)
	l.unflow(l.flowOf(e), slot)
	l.shard(e.Shard).count--
	l.n.metrics.closed(e.Package)
	l.uncount(e)
	l.drop(e.at)
	*e = entry{gen: e.gen, txn: -1, at: noPlace}
	l.free = append(l.free, slot)
}

func (l *loop) count(e *entry) {
	e.counted = true
	l.n.count(l.holder(e), 1)
}

// holder is who a record counts for; its strings are the record's.
func (l *loop) holder(e *entry) policy.Watcher { return watcherOf(&e.Hot, l.coldOf(e)) }

// uncount takes a subscription out of the limits: as soon as it has ended, for its last
// NOTIFY may wait half a minute for a phone that is gone.
func (l *loop) uncount(e *entry) {
	if e.counted {
		e.counted = false
		l.n.count(l.holder(e), -1)
	}
}

func (l *loop) unwatch(presentity uint32, slot int32) {
	if l.watchers[presentity] = without(l.watchers[presentity], slot); len(l.watchers[presentity]) == 0 {
		delete(l.watchers, presentity)
	}
}

// reflow moves a record to the flow its last request came on.
func (l *loop) reflow(slot int32, flow Flow) {
	e := l.records.at(slot)
	e.closed, e.strayed = false, false
	was := l.flowOf(e)
	if was == flow {
		return
	}
	l.unflow(was, slot)
	e.way = l.wayOf(flow)
	if flow.Transport.Stream() {
		l.flows[flow] = append(l.flows[flow], slot)
	}
}

func (l *loop) unflow(flow Flow, slot int32) {
	if !flow.Transport.Stream() {
		return
	}
	if l.flows[flow] = without(l.flows[flow], slot); len(l.flows[flow]) == 0 {
		delete(l.flows, flow)
	}
}

// without removes one element; the order is not kept.
func without(s []int32, v int32) []int32 {
	if i := slices.Index(s, v); i >= 0 {
		s[i] = s[len(s)-1]
		s = s[:len(s)-1]
	}
	return s
}

func (l *loop) shard(id uint16) *shard {
	sh := l.shards[id]
	if sh == nil {
		sh = &shard{}
		l.shards[id] = sh
	}
	return sh
}

// flow: a stream connection went or came.
func (l *loop) flow(f Flow, in subscription.Input) {
	for _, slot := range slices.Clone(l.flows[f]) {
		if e := l.records.at(slot); e.used {
			e.closed = in.Closed
			l.advance(slot, in)
		}
	}
}

// dropFlows tells the records of flows on which sending failed. It is done before the
// next messages are taken: a FlowUp among them must come after it.
func (l *loop) dropFlows() {
	for f := range l.gone {
		l.flow(f, subscription.Input{Kind: subscription.FlowDown})
		delete(l.gone, f)
	}
}
