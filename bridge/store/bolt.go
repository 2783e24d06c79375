package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
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

// Bolt is the embedded backend: one file, one process. A write takes two fdatasyncs,
// whatever the size of the batch; writers queue.
type Bolt struct {
	file   *boltFile
	log    *slog.Logger
	rounds prometheus.Counter
	// writer is held by the one write transaction; a channel, so that waiting for it
	// ends with the context.
	writer chan struct{}
	closed atomic.Bool
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
	b := &Bolt{file: file, log: cfg.Logger, rounds: newRounds(cfg.Registerer), writer: make(chan struct{}, 1)}
	if err := b.init(ctx); err != nil {
		return nil, errors.Join(err, file.close())
	}
	return b, nil
}

// init checks the layout, or makes it in a new file.
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

// checkMeta reports whether the file has our layout; false is a file without one.
func checkMeta(path string, meta *bolt.Bucket) (bool, error) {
	if meta == nil {
		return false, nil
	}
	return true, checkLayout(path, string(meta.Get([]byte("schema"))), string(meta.Get([]byte("shards"))))
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
	var epoch Epoch
	err := b.update(ctx, func(tx *bolt.Tx) error {
		epoch = readEpoch(tx, shard) + 1
		return writeEpoch(tx, shard, epoch, owner)
	})
	return epoch, err
}

// Release implements Backend.
func (b *Bolt) Release(ctx context.Context, shard uint16, epoch Epoch) error {
	if err := checkShard(shard); err != nil {
		return err
	}
	return b.update(ctx, func(tx *bolt.Tx) error {
		if readEpoch(tx, shard) > epoch {
			return &FencedError{Fenced: []Fence{{shard, epoch}}}
		}
		return writeEpoch(tx, shard, epoch+1, "")
	})
}

// Commit implements Backend. It is atomic as a whole.
func (b *Bolt) Commit(ctx context.Context, deltas []Delta, lamps []LampDelta) error {
	if err := checkBatch(deltas, lamps); err != nil {
		return err
	}
	var refused []Fence
	err := b.update(ctx, func(tx *bolt.Tx) error {
		for _, part := range partition(deltas) {
			switch stored := readEpoch(tx, part.Shard); {
			case stored > part.Epoch:
				refused = append(refused, part.Fence)
				continue
			case stored < part.Epoch:
				if err := writeEpoch(tx, part.Shard, part.Epoch, "taken over"); err != nil {
					return err
				}
			}
			bucket := tx.Bucket(subsBucket).Bucket(shardKey(part.Shard))
			for _, d := range part.deltas {
				if err := put(bucket, d.Key, d.Value); err != nil {
					return err
				}
			}
		}
		bucket := tx.Bucket(lampsBucket)
		for _, l := range lamps {
			if err := put(bucket, l.Key, l.Value); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && len(refused) > 0 {
		return &FencedError{Fenced: refused}
	}
	return err
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
	return b.file.close()
}

func put(bucket *bolt.Bucket, key string, value []byte) error {
	if value == nil {
		return bucket.Delete([]byte(key))
	}
	return bucket.Put([]byte(key), value)
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
