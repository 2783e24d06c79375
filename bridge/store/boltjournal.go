package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	bolt "go.etcd.io/bbolt"
)

// The journal in front of a bbolt file is two files, <path>.journal-0 and -1: while one is
// folded into bbolt in the background, the other takes the next groups. The bbolt file
// notes the last generation that was folded, in the same transaction as its last changes;
// a journal of that or an older one counts as empty.
//
//	meta    "journal"  which store the journals belong to, at random (8 bytes)
//	meta    "folded"   the last generation folded (8 bytes)
type journals struct {
	limit  int64 // size at which a journal is folded
	active *journal
	other  *journal // being folded, or empty
	// folding is the result of the fold under way; nil if there is none.
	folding chan error
	began   time.Time // when active got its first group
	gen     uint64    // the last one begun
}

const (
	// journalLimit is some 90,000 records: less than a second at the next start. To fold half of it
	// takes as long where there are as many subscriptions, since it changes as many pages.
	journalLimit = 32 << 20
	// maxGrowth times as long as its limit may a journal become.
	maxGrowth = 4
	// journalAge is when a journal is folded that does not get full. Until then what is
	// written again and again costs the bbolt file nothing.
	journalAge = 2 * time.Minute
	// foldBatch is how many changes one transaction of bbolt gets.
	foldBatch = 4096
)

var (
	journalKey = []byte("journal")
	foldedKey  = []byte("folded")
)

// openJournals finds what a crash left in the journals and folds it in. No one else uses b yet.
func (b *Bolt) openJournals(ctx context.Context) error {
	var id, folded uint64
	err := b.update(ctx, func(tx *bolt.Tx) error {
		meta := tx.Bucket(metaBucket)
		if v := meta.Get(journalKey); len(v) == 8 {
			id = binary.LittleEndian.Uint64(v)
		}
		if v := meta.Get(foldedKey); len(v) == 8 {
			folded = binary.LittleEndian.Uint64(v)
		}
		if id != 0 {
			return nil
		}
		id = rand.Uint64() | 1
		return meta.Put(journalKey, binary.LittleEndian.AppendUint64(nil, id))
	})
	if err != nil {
		return err
	}
	j := &b.journals
	j.gen = folded
	left := make([]*journal, 2)
	for i := range left {
		left[i] = &journal{path: b.file.path + ".journal-" + strconv.Itoa(i), store: id}
		if err := left[i].recover(); err != nil {
			return b.wrap("read the journal of", err)
		}
		if left[i].gen <= folded {
			left[i].size = 0
		}
		j.gen = max(j.gen, left[i].gen)
	}
	slices.SortFunc(left, func(a, b *journal) int { return cmp.Compare(a.gen, b.gen) })
	j.other, j.active = left[0], left[1]
	for _, l := range left {
		if l.size > journalHead {
			b.log.Info("changes of before a crash are in the journal", "journal", l.path, "bytes", l.size)
		}
		if err := b.fold(l); err != nil {
			return err
		}
	}
	return nil
}

// write appends a group to the journal. The writer's token is held.
func (b *Bolt) write(deltas []Delta, lamps []LampDelta) error {
	j := &b.journals
	// While the other one is being folded, this one may grow: a burst must not wait for bbolt.
	folding := j.folding != nil && len(j.folding) == 0
	if j.active.size >= j.limit && (!folding || j.active.size >= maxGrowth*j.limit) {
		if err := b.rotate(); err != nil {
			return err
		}
	}
	if j.active.size == 0 {
		if err := j.active.begin(j.gen + 1); err != nil {
			return b.wrap("write the journal of", err)
		}
		j.gen++
		j.began = time.Now()
	}
	if err := j.active.append(deltas, lamps); err != nil {
		return b.wrap("write the journal of", err)
	}
	b.rounds.Inc()
	return nil
}

// rotate lets the full journal be folded in the background; it waits for the one before.
// The writer's token is held.
func (b *Bolt) rotate() error {
	j := &b.journals
	if err := b.folded(); err != nil {
		return err
	}
	j.active, j.other = j.other, j.active
	full, done := j.other, make(chan error, 1)
	j.folding = done
	b.folders.Go(func() { done <- b.fold(full) })
	return nil
}

// folded waits for the fold under way, and tries again one that failed. The writer's token is held.
func (b *Bolt) folded() error {
	j := &b.journals
	if j.folding != nil {
		err := <-j.folding
		if j.folding = nil; err == nil {
			return nil
		}
	}
	return b.fold(j.other)
}

// settle brings everything into the bbolt file. The writer's token is held.
func (b *Bolt) settle() error {
	if err := b.folded(); err != nil {
		return err
	}
	return b.fold(b.journals.active)
}

// change is one of an entry in a journal.
type change struct {
	shard  uint16
	number uint32 // in the order of the journal
	begins uint64 // the first bytes of key: nearly always enough to sort by, without a look at it
	key    []byte
	value  []byte
}

func newChange(shard uint16, number int, key, value []byte) change {
	var first [8]byte
	copy(first[:], key)
	return change{shard, uint32(number), binary.BigEndian.Uint64(first[:]), key, value} //nolint:gosec // a journal is not that large
}

func byEntry(x, y *change) int {
	switch {
	case x.shard != y.shard:
		return cmp.Compare(x.shard, y.shard)
	case x.begins != y.begins:
		return cmp.Compare(x.begins, y.begins)
	}
	return bytes.Compare(x.key, y.key)
}

// lastOfEach sorts changes and leaves the last one of each entry.
func lastOfEach(changes []change) []change {
	slices.SortFunc(changes, func(x, y change) int {
		if by := byEntry(&x, &y); by != 0 {
			return by
		}
		return cmp.Compare(x.number, y.number)
	})
	last := changes[:0]
	for i := range changes {
		if i+1 == len(changes) || byEntry(&changes[i], &changes[i+1]) != 0 {
			last = append(last, changes[i])
		}
	}
	return last
}

// fold writes a journal's changes into the bbolt file, sorted, and empties it.
func (b *Bolt) fold(j *journal) error {
	if j.size == 0 {
		return nil
	}
	if err := j.contents(j.size, func(all []byte) error { return b.foldIn(j, all) }); err != nil {
		return b.wrap("fold the journal of", err)
	}
	j.size = 0
	b.unmap()
	return nil
}

// foldIn is fold with what the journal holds.
func (b *Bolt) foldIn(j *journal, all []byte) error {
	changes := make([]change, 0, j.count)
	if _, err := j.read(all, func(shard uint16, key, value []byte) {
		changes = append(changes, newChange(shard, len(changes), key, value))
	}); err != nil {
		return err
	}
	changes = lastOfEach(changes)
	for {
		part := changes[:min(len(changes), foldBatch)]
		changes = changes[len(part):]
		if err := b.file.guard(func() error {
			return b.file.db.Update(func(tx *bolt.Tx) error { return foldPart(tx, part, j.gen, len(changes) == 0) })
		}); err != nil {
			return err
		}
		b.rounds.Inc()
		if len(changes) == 0 {
			return nil
		}
	}
}

func foldPart(tx *bolt.Tx, part []change, gen uint64, whole bool) error {
	subs := tx.Bucket(subsBucket)
	var bucket *bolt.Bucket
	for i := range part {
		c := &part[i]
		if i == 0 || c.shard != part[i-1].shard {
			if bucket = tx.Bucket(lampsBucket); c.shard != lampEntry {
				bucket = subs.Bucket(shardKey(c.shard))
			}
			if bucket == nil {
				return errors.New("a bucket is missing")
			}
		}
		if err := put(bucket, c.key, c.value); err != nil {
			return err
		}
	}
	if !whole {
		return nil
	}
	return tx.Bucket(metaBucket).Put(foldedKey, binary.LittleEndian.AppendUint64(nil, gen))
}

// foldOld folds a journal that has stood for long, until stop is closed.
func (b *Bolt) foldOld(stop <-chan struct{}) {
	t := time.NewTicker(journalAge / 4)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case <-t.C:
		}
		select {
		case <-stop:
			return
		case b.writer <- struct{}{}:
		}
		if j := &b.journals; j.active.size > 0 && time.Since(j.began) > journalAge && (j.folding == nil || len(j.folding) == 1) {
			if err := b.rotate(); err != nil {
				b.log.Error("the journal cannot be folded into the store; it is tried again", "error", err)
			}
		}
		<-b.writer
	}
}
