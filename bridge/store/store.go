// Package store keeps what must survive a crash: the subscriptions, as opaque
// encoded records spread over shards, and the last state of every lamp.
//
// Two siblings implement [Backend]: an embedded file (bbolt, the default) and Redis
// (single, Sentinel, Cluster, or Valkey). Both pass the suite in storetest.
// A [Committer] stands on top: it gathers the changes of all shards into groups and
// writes each group with one round, so that the notifier never waits for the store.
//
// What a nil error of Commit means:
//   - bolt: the group is on the disk: in the journal after one fdatasync, in the bbolt file later.
//   - Redis: as durable as the server is set up to be. With `appendonly yes` and
//     `appendfsync always` it is on the disk; with `everysec`, the usual setting, a
//     crash of the machine can lose the last second; without `appendonly` it is in
//     memory until the next dump. Config.WaitReplicas asks for replicas that have it
//     too (WAIT), for a failover that loses nothing acknowledged.
package store

import (
	"context"
	"errors"
	"fmt"
)

// Shards is the fixed number of shards that the subscriptions of a process that is alone
// are spread over. It is written into the store; a store made with another number cannot be opened.
const Shards = 64

// Schema is the version of the layout that this code writes. An older one is read, and
// raised when the store is opened: programs that only know the older one refuse the store
// from then on, instead of misreading it. A store with a newer one cannot be opened.
//
//	1  records of encoding 1, policies in plain JSON
//	2  records of encoding 2, large policies in gzip, journals beside the bbolt file
const Schema = 2

// Limits of one entry. A key is 1 to MaxKey bytes, any bytes; a value 0 to MaxValue.
const (
	MaxKey   = 4096
	MaxValue = 16 << 20
)

var (
	// ErrFenced: the shard has a newer owner; whoever gets it must stop writing the shard.
	ErrFenced = errors.New("store: shard has a newer owner")
	// ErrAway: the store cannot be reached or written now.
	ErrAway = errors.New("store: away")
	// ErrFull is an ErrAway: the store has no room, which takes longer to mend. Nothing new
	// should be begun meanwhile.
	ErrFull = fmt.Errorf("%w: it is full", ErrAway)
	// ErrClosed: the backend or committer is closed.
	ErrClosed = errors.New("store: closed")
	// ErrInvalid: a shard number, key or value outside the limits; no retry mends it.
	ErrInvalid = errors.New("store: invalid entry")
	// ErrSchema: the store was made by a newer version, or with another number of shards.
	ErrSchema = errors.New("store: layout not supported")
	// ErrCorrupt: the store's contents cannot be read.
	ErrCorrupt = errors.New("store: corrupt")
)

// Epoch is the fencing epoch of a shard. It starts at 1 and only rises; a Commit
// with an older one is refused.
type Epoch uint64

// Delta is one change of one subscription. Keys are unique within a shard.
type Delta struct {
	// Shard is 0 to Shards-1, or one that Redis.NewShards made.
	Shard uint16
	// Epoch is what Acquire returned for the shard.
	Epoch Epoch
	Key   string
	// Value replaces what is stored; nil deletes. The bytes must not be changed
	// after they were handed over.
	Value []byte
}

// LampDelta is one change of the last state of a lamp. Lamps have no owner and no
// fencing: the last one written wins.
type LampDelta struct {
	Key string
	// Value replaces what is stored; nil deletes.
	Value []byte
}

// Backend is a durable store. Every method blocks until it is done or ctx ends; when
// ctx ends during a write, the write may or may not have happened. All methods are
// safe for concurrent use. After Close they return ErrClosed.
type Backend interface {
	// Acquire makes owner the writer of shard and returns its new epoch. All earlier
	// owners are fenced from then on. The owner's name is only for people.
	Acquire(ctx context.Context, shard uint16, owner string) (Epoch, error)
	// Release ends an epoch: later commits with it are refused. It returns ErrFenced
	// if the shard has a newer epoch already.
	Release(ctx context.Context, shard uint16, epoch Epoch) error
	// Load calls fn once for every entry of shard, in any order, until fn returns an
	// error, which it returns. The value belongs to fn. fn may use the backend.
	Load(ctx context.Context, shard uint16, fn func(key string, value []byte) error) error
	// Commit writes a batch and returns when it is durable. The deltas of one shard
	// with one epoch are written all or none; a key twice in a batch: the last wins.
	// If shards are fenced, their deltas are left out, all else is written, and the
	// error is a *FencedError; a *WentError tells of entries that were left out. An epoch newer than the stored one is taken over: the
	// store lost an Acquire (a failover to a replica that lagged).
	Commit(ctx context.Context, deltas []Delta, lamps []LampDelta) error
	// LoadLamps calls fn once for every lamp, as Load does.
	LoadLamps(ctx context.Context, fn func(key string, value []byte) error) error
	// Ping reports whether the store can be reached.
	Ping(ctx context.Context) error
	// Close releases the file or the connections, after the calls under way.
	Close() error
}

// Fence names an epoch of a shard.
type Fence struct {
	Shard uint16
	Epoch Epoch
}

// FencedError is the error of a Commit some of whose shards have a newer owner. It
// matches ErrFenced.
type FencedError struct {
	// Fenced lists the refused pairs, each once.
	Fenced []Fence
}

// Error names the first refused shard.
func (e *FencedError) Error() string {
	f := e.Fenced[0]
	return fmt.Sprintf("%v: shard %d, our epoch %d, %d refused in all", ErrFenced, f.Shard, f.Epoch, len(e.Fenced))
}

// Is makes errors.Is(err, ErrFenced) hold.
func (e *FencedError) Is(target error) bool { return target == ErrFenced }

// WentError is the error of a Commit some of whose entries another process has moved to a shard
// of its own meanwhile: they are left out, all else is written. With a *FencedError besides,
// the two are joined.
type WentError struct {
	// Went are those entries, with the values that were to be written.
	Went []Went
}

// Error names the first shard.
func (e *WentError) Error() string {
	return fmt.Sprintf("store: %d entries are in other shards now, the first was in %d", len(e.Went), e.Went[0].Shard)
}

func (d *Delta) check() error {
	return checkEntry(d.Key, d.Value)
}

func checkEntry(key string, value []byte) error {
	if len(key) == 0 || len(key) > MaxKey {
		return fmt.Errorf("%w: key of %d bytes, want 1 to %d", ErrInvalid, len(key), MaxKey)
	}
	if len(value) > MaxValue {
		return fmt.Errorf("%w: value of %d bytes, want at most %d", ErrInvalid, len(value), MaxValue)
	}
	return nil
}

func checkShard(shard uint16) error {
	if shard >= Shards {
		return fmt.Errorf("%w: shard %d, want 0 to %d", ErrInvalid, shard, Shards-1)
	}
	return nil
}

func checkBatch(deltas []Delta, lamps []LampDelta) error {
	for i := range deltas {
		if err := deltas[i].check(); err != nil {
			return err
		}
	}
	for i := range lamps {
		if err := checkEntry(lamps[i].Key, lamps[i].Value); err != nil {
			return err
		}
	}
	return nil
}
