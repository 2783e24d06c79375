package store

import (
	"context"
	"encoding/binary"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis tells the owner of a shard at once what is moved out of it (move.lua), and that another
// process has all of it (acquirefrom.lua), on a channel of the owner's own: {blf}:moves:OWNER. It is plain PUBLISH, which every version and kind of
// Redis and Valkey has; in a Cluster all servers pass it on, and moves are rare. A message may
// be lost, and a user of Redis may be forbidden channels (ACL: &{blf}:moves:*): Moved lists
// what went.

// hearTime is how long the connection may be silent before it is asked whether it lives, and
// how long it has to answer.
const hearTime = 2 * time.Second

// Went is an entry that another process moved out of a shard.
type Went struct {
	Shard uint16
	Key   string
	// Value is what moved, or in a WentError what was to be written.
	Value []byte
}

func (r *Redis) movesChannel(owner string) string { return "{" + r.prefix + "}:moves:" + owner }

// HearWent calls told for each entry that is moved out of a shard of owner's, and lost for each
// shard that another process acquired, with that one's epoch, one after the other, until ctx ends
// or the connection is lost, which it returns. What happened before it was connected, or while
// one of them took too long, is not told.
func (r *Redis) HearWent(ctx context.Context, owner string, told func(Went), lost func(Fence)) error {
	_, err := within(ctx, r, func() (struct{}, error) { return struct{}{}, r.hearWent(ctx, owner, told, lost) })
	return err
}

func (r *Redis) hearWent(ctx context.Context, owner string, told func(Went), lost func(Fence)) error {
	sub := r.client.Subscribe(ctx, r.movesChannel(owner))
	defer context.AfterFunc(ctx, func() { _ = sub.Close() })() // it heeds no cancellation
	var heard atomic.Bool
	var wg sync.WaitGroup
	over := make(chan struct{})
	defer wg.Wait()
	defer sub.Close() //nolint:errcheck // whatever it says, it is closed
	defer close(over)
	wg.Go(func() {
		look := time.NewTicker(hearTime)
		defer look.Stop()
		for silent := 0; silent < 2; {
			select {
			case <-over:
				return
			case <-look.C:
			}
			if heard.Swap(false) {
				silent = 0
				continue
			}
			if silent++; silent == 1 && sub.Ping(ctx) != nil {
				break
			}
		}
		_ = sub.Close() // it hangs
	})
	for {
		got, err := sub.Receive(ctx)
		if err != nil {
			return err
		}
		heard.Store(true)
		if m, ok := got.(*redis.Message); ok {
			switch w, ok := parseWent([]byte(m.Payload)); {
			case !ok:
			case w.Key == "":
				epoch, _ := strconv.ParseUint(string(w.Value), 10, 64) // unreadable: none is lower
				lost(Fence{w.Shard, Epoch(epoch)})
			default:
				told(w)
			}
		}
	}
}

// appendWent is what is published: the shard, the length of the key, both big endian, the key
// and the value; of a whole shard no key, and who has it now as value, its epoch in digits.
func appendWent(b []byte, w Went) []byte {
	b = binary.BigEndian.AppendUint16(b, w.Shard)
	b = binary.BigEndian.AppendUint16(b, uint16(len(w.Key))) //nolint:gosec // MaxKey
	return append(append(b, w.Key...), w.Value...)
}

func parseWent(b []byte) (w Went, ok bool) {
	if len(b) < 4 {
		return w, false
	}
	w.Shard = binary.BigEndian.Uint16(b)
	n := int(binary.BigEndian.Uint16(b[2:]))
	if b = b[4:]; len(b) < n {
		return w, false
	}
	w.Key, w.Value = string(b[:n]), b[n:]
	return w, true
}
