package store

import (
	"bytes"
	"context"
	"errors"
	"os"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// A Load reads in pages, each in its own short transaction: fn may use the backend
// (a long read transaction would block a write that has to grow the file), and a
// page bounds the memory.
const (
	pageEntries = 512
	pageBytes   = 1 << 20
)

type entry struct {
	key   string
	value []byte
}

// Load implements Backend.
func (b *Bolt) Load(ctx context.Context, shard uint16, fn func(key string, value []byte) error) error {
	if err := checkShard(shard); err != nil {
		return err
	}
	return b.pages(ctx, func(tx *bolt.Tx) *bolt.Bucket { return tx.Bucket(subsBucket).Bucket(shardKey(shard)) }, fn)
}

// LoadLamps implements Backend.
func (b *Bolt) LoadLamps(ctx context.Context, fn func(key string, value []byte) error) error {
	return b.pages(ctx, func(tx *bolt.Tx) *bolt.Bucket { return tx.Bucket(lampsBucket) }, fn)
}

func (b *Bolt) pages(ctx context.Context, bucket func(*bolt.Tx) *bolt.Bucket, fn func(string, []byte) error) error {
	if err := b.lock(ctx); err != nil {
		return err
	}
	err := b.settle() // what is read is all that was committed
	b.unlock()
	if err != nil {
		return err
	}
	var (
		after []byte // last key of the page before
		page  []entry
	)
	for {
		page = page[:0]
		err := b.view(ctx, func(tx *bolt.Tx) error {
			c, size := bucket(tx).Cursor(), 0
			k, v := c.First()
			if after != nil {
				if k, v = c.Seek(after); bytes.Equal(k, after) {
					k, v = c.Next()
				}
			}
			for ; k != nil && len(page) < pageEntries && size < pageBytes; k, v = c.Next() {
				page = append(page, entry{string(k), append([]byte{}, v...)})
				size += len(k) + len(v)
			}
			return nil
		})
		if err != nil || len(page) == 0 {
			return err
		}
		for _, e := range page {
			if err := fn(e.key, e.value); err != nil {
				return err
			}
		}
		after = []byte(page[len(page)-1].key)
	}
}

func (b *Bolt) view(ctx context.Context, fn func(*bolt.Tx) error) error {
	if b.closed.Load() {
		return ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return b.wrap("read", b.file.guard(func() error { return b.file.db.View(fn) }))
}

// lock takes the writer's token. Only waiting for it ends with ctx; a write, once begun, is
// completed.
func (b *Bolt) lock(ctx context.Context) error {
	if b.closed.Load() {
		return ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case b.writer <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if b.closed.Load() {
		b.unlock()
		return ErrClosed
	}
	return nil
}

func (b *Bolt) unlock() { <-b.writer }

// update runs fn in a write transaction.
func (b *Bolt) update(ctx context.Context, fn func(*bolt.Tx) error) error {
	if err := b.lock(ctx); err != nil {
		return err
	}
	defer b.unlock()
	return b.store(fn)
}

// store runs fn in a write transaction. The writer's token is held.
func (b *Bolt) store(fn func(*bolt.Tx) error) error {
	err := b.file.guard(func() error { return b.file.db.Update(fn) })
	if err == nil {
		b.rounds.Inc()
	}
	return b.wrap("write", err)
}

func (b *Bolt) wrap(doing string, err error) error {
	switch {
	case err == nil, errors.Is(err, ErrFenced), errors.Is(err, ErrCorrupt), errors.Is(err, ErrSchema):
		return err
	case errors.Is(err, berrors.ErrDatabaseNotOpen), errors.Is(err, os.ErrClosed):
		return ErrClosed
	}
	return explainFile(doing, b.file.path, err)
}
