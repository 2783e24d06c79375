package store

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	bolt "go.etcd.io/bbolt"
)

// The file's buckets. Others (the policy's) may stand beside them.
//
//	meta    "schema" and "shards" in decimal
//	epochs  shard (2 bytes, big endian) → epoch (8 bytes, big endian), then the owner
//	subs    one bucket per shard, named as epochs' keys: key → record
//	lamps   key → state
var (
	metaBucket   = []byte("meta")
	epochsBucket = []byte("epochs")
	subsBucket   = []byte("subs")
	lampsBucket  = []byte("lamps")
)

// Bolt is the embedded backend: one bbolt file with a journal in front, one process. A
// Commit takes one fdatasync, whatever its size; writers queue.
type Bolt struct {
	file   *boltFile
	log    *slog.Logger
	rounds prometheus.Counter
	// writer is held by the one write transaction; a channel, so that waiting for it
	// ends with the context.
	writer   chan struct{}
	journals journals      // of whoever holds writer
	epochs   [Shards]Epoch // as in the file; of whoever holds writer
	folders  sync.WaitGroup
	stop     chan struct{} // ends foldOld
	closed   atomic.Bool
}

func openBolt(ctx context.Context, cfg Config) (*Bolt, error) {
	if cfg.Path == "" {
		return nil, errors.New("store: bolt needs a path: the file to keep the subscriptions in")
	}
	timeout := orDefault(cfg.LockTimeout, 3*time.Second)
	if until, ok := ctx.Deadline(); ok {
		timeout = max(min(timeout, time.Until(until)), time.Millisecond)
	}
	file, err := openBoltFile(cfg.Path, timeout)
	if err != nil {
		return nil, err
	}
	b := &Bolt{file: file, log: cfg.Logger, rounds: newRounds(cfg.Registerer), writer: make(chan struct{}, 1), stop: make(chan struct{})}
	b.journals.limit = cmp.Or(cfg.JournalLimit, journalLimit)
	err = b.init(ctx)
	if err == nil {
		err = b.openJournals(ctx)
	}
	if err == nil {
		err = b.view(ctx, func(tx *bolt.Tx) error {
			for shard := range uint16(Shards) {
				b.epochs[shard] = readEpoch(tx, shard)
			}
			return nil
		})
	}
	if err != nil {
		return nil, errors.Join(err, b.closeJournals(), file.close())
	}
	b.folders.Go(func() { b.foldOld(b.stop) })
	return b, nil
}

// init checks the layout, makes it in a new file, and raises an older one.
func (b *Bolt) init(ctx context.Context) error {
	current := false
	if err := b.file.guard(func() error {
		return b.file.db.View(func(tx *bolt.Tx) (err error) {
			current, err = checkMeta(b.file.path, tx.Bucket(metaBucket))
			return err
		})
	}); err != nil || current {
		return err
	}
	return b.update(ctx, func(tx *bolt.Tx) error {
		for _, name := range [][]byte{metaBucket, epochsBucket, subsBucket, lampsBucket} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		for shard := range uint16(Shards) {
			if _, err := tx.Bucket(subsBucket).CreateBucketIfNotExists(shardKey(shard)); err != nil {
				return err
			}
		}
		meta := tx.Bucket(metaBucket)
		if err := meta.Put([]byte("shards"), []byte(strconv.Itoa(Shards))); err != nil {
			return err
		}
		return meta.Put([]byte("schema"), []byte(strconv.Itoa(Schema)))
	})
}

// checkMeta reports whether the file has our layout; false is a file without one, or
// with an older one.
func checkMeta(path string, meta *bolt.Bucket) (bool, error) {
	if meta == nil {
		return false, nil
	}
	schema := string(meta.Get([]byte("schema")))
	return schema == strconv.Itoa(Schema), checkLayout(path, schema, string(meta.Get([]byte("shards"))))
}

// DB is the open file, for the policy's own buckets. Its owner stays the Bolt.
func (b *Bolt) DB() *bolt.DB { return b.file.db }

// Path is the file.
func (b *Bolt) Path() string { return b.file.path }

// Acquire implements Backend.
func (b *Bolt) Acquire(ctx context.Context, shard uint16, owner string) (Epoch, error) {
	if err := checkShard(shard); err != nil {
		return 0, err
	}
	if err := b.lock(ctx); err != nil {
		return 0, err
	}
	defer b.unlock()
	epoch := b.epochs[shard] + 1
	return epoch, b.setEpoch(shard, epoch, owner)
}

// Release implements Backend.
func (b *Bolt) Release(ctx context.Context, shard uint16, epoch Epoch) error {
	if err := checkShard(shard); err != nil {
		return err
	}
	if err := b.lock(ctx); err != nil {
		return err
	}
	defer b.unlock()
	if b.epochs[shard] > epoch {
		return &FencedError{Fenced: []Fence{{shard, epoch}}}
	}
	return b.setEpoch(shard, epoch+1, "")
}

// setEpoch notes a shard's epoch. The writer's token is held.
func (b *Bolt) setEpoch(shard uint16, epoch Epoch, owner string) error {
	if err := b.store(func(tx *bolt.Tx) error { return writeEpoch(tx, shard, epoch, owner) }); err != nil {
		return err
	}
	b.epochs[shard] = epoch
	return nil
}

// Commit implements Backend. It is atomic as a whole.
func (b *Bolt) Commit(ctx context.Context, deltas []Delta, lamps []LampDelta) error {
	err := checkBatch(deltas, lamps)
	for i := range deltas {
		if err == nil {
			err = checkShard(deltas[i].Shard)
		}
	}
	if err != nil {
		return err
	}
	if err := b.lock(ctx); err != nil {
		return err
	}
	defer b.unlock()
	var refused []Fence
	parts := partition(deltas)
	for _, part := range parts {
		switch stored := b.epochs[part.Shard]; {
		case stored > part.Epoch:
			refused = append(refused, part.Fence)
		case stored < part.Epoch:
			if err := b.setEpoch(part.Shard, part.Epoch, "taken over"); err != nil {
				return err
			}
		}
	}
	if len(refused) > 0 {
		deltas = slices.DeleteFunc(slices.Clone(deltas), func(d Delta) bool { return b.epochs[d.Shard] > d.Epoch })
	}
	if len(deltas)+len(lamps) > 0 {
		if err := b.write(deltas, lamps); err != nil {
			return err
		}
	}
	if len(refused) > 0 {
		return &FencedError{Fenced: refused}
	}
	return nil
}

// Ping implements Backend.
func (b *Bolt) Ping(ctx context.Context) error {
	return b.view(ctx, func(*bolt.Tx) error { return nil })
}

// Close implements Backend.
func (b *Bolt) Close() error {
	if b.closed.Swap(true) {
		return nil
	}
	close(b.stop)
	b.writer <- struct{}{}
	err := b.settle()
	b.folders.Wait()
	return errors.Join(err, b.closeJournals(), b.file.close())
}

func (b *Bolt) closeJournals() error {
	var errs []error
	for _, j := range []*journal{b.journals.active, b.journals.other} {
		if j != nil {
			errs = append(errs, j.close())
		}
	}
	return errors.Join(errs...)
}

func put(bucket *bolt.Bucket, key, value []byte) error {
	if value == nil {
		return bucket.Delete(key)
	}
	return bucket.Put(key, value)
}

func shardKey(shard uint16) []byte { return binary.BigEndian.AppendUint16(nil, shard) }

func readEpoch(tx *bolt.Tx, shard uint16) Epoch {
	v := tx.Bucket(epochsBucket).Get(shardKey(shard))
	if len(v) < 8 {
		return 0
	}
	return Epoch(binary.BigEndian.Uint64(v))
}

func writeEpoch(tx *bolt.Tx, shard uint16, epoch Epoch, owner string) error {
	v := binary.BigEndian.AppendUint64(nil, uint64(epoch))
	return tx.Bucket(epochsBucket).Put(shardKey(shard), append(v, owner...))
}

// part is what a batch has for one shard with one epoch.
type part struct {
	Fence
	deltas []Delta
}

// partition sorts a batch by shard and epoch; the order within a part is kept, so
// that of one key the last delta wins.
func partition(deltas []Delta) []part {
	inOrder := func(a, b Delta) int {
		if a.Shard != b.Shard {
			return int(a.Shard) - int(b.Shard)
		}
		switch {
		case a.Epoch < b.Epoch:
			return -1
		case a.Epoch > b.Epoch:
			return 1
		}
		return 0
	}
	if !slices.IsSortedFunc(deltas, inOrder) {
		deltas = slices.Clone(deltas)
		slices.SortStableFunc(deltas, inOrder)
	}
	var parts []part
	for start := 0; start < len(deltas); {
		end := start + 1
		for end < len(deltas) && inOrder(deltas[start], deltas[end]) == 0 {
			end++
		}
		parts = append(parts, part{Fence{deltas[start].Shard, deltas[start].Epoch}, deltas[start:end]})
		start = end
	}
	return parts
}

func checkLayout(where, schema, shards string) error {
	if n, err := strconv.Atoi(schema); err != nil {
		return fmt.Errorf("%w: %s: schema %q is not a number", ErrCorrupt, where, schema)
	} else if n > Schema {
		return fmt.Errorf("%w: %s has schema %d, this version knows up to %d: use the newer blfbridge that wrote it, or another store",
			ErrSchema, where, n, Schema)
	}
	if shards != strconv.Itoa(Shards) {
		return fmt.Errorf("%w: %s was made with %s shards, this version has %d: use the version that wrote it, or another store",
			ErrSchema, where, shards, Shards)
	}
	return nil
}
