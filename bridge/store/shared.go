package store

import (
	"context"
	_ "embed"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed lua/newshards.lua
	newShardsLua string
	//go:embed lua/acquirefrom.lua
	acquireFromLua string
	//go:embed lua/move.lua
	moveLua string
	//go:embed lua/moved.lua
	movedLua string
	//go:embed lua/drop.lua
	dropLua string

	newShardsScript   = redis.NewScript(newShardsLua)
	acquireFromScript = redis.NewScript(acquireFromLua)
	moveScript        = redis.NewScript(moveLua)
	movedScript       = redis.NewScript(movedLua)
	dropScript        = redis.NewScript(dropLua)
)

// Replicas that share a Redis have shards of their own, beside the fixed ones of a process
// that is alone, and take over those of replicas that are gone:
//
//	{blf}:shards       hash: shard → its owner, as far as is known; empty = nobody
//	{blf:sNN}:moved    hash: key → when it went to another shard, ms; kept for a minute
//
// A subscription that another replica is asked about moves to one of that replica's shards.
// It is written there first, as provisional: led by a mark and the shard it comes from. A
// provisional one counts when the shard it comes from has it no more.
const (
	provisional     = 0xFE // no encoding of a record begins with it
	provisionalHead = 3    // and the shard, big endian
)

// TakenOver stands for the owner of a shard whose acquiring the server lost, and that its
// owner has written since (commit.lua).
const TakenOver = "taken over"

func (r *Redis) registryKey() string { return "{" + r.prefix + "}:shards" }

func (r *Redis) movedKey(shard uint16) string {
	return fmt.Sprintf("{%s:s%02d}:moved", r.prefix, shard)
}

// NewShards makes shards that no process has, for owner; it still has to acquire them.
func (r *Redis) NewShards(ctx context.Context, count int, owner string) ([]uint16, error) {
	got, err := within(ctx, r, func() ([]int64, error) {
		return newShardsScript.Run(ctx, r.client, []string{r.registryKey()}, count, owner, Shards).Int64Slice()
	})
	out := make([]uint16, len(got))
	for i, n := range got {
		out[i] = uint16(n) //nolint:gosec // the script bounds it
	}
	return out, err
}

// Owners lists the shards that replicas share, with their owners as far as is known. Of the
// fixed shards those belong to it that hold something.
func (r *Redis) Owners(ctx context.Context) (map[uint16]string, error) {
	all, err := within(ctx, r, func() (map[string]string, error) {
		return r.client.HGetAll(ctx, r.registryKey()).Result()
	})
	out := make(map[uint16]string, len(all))
	for id, owner := range all {
		if n, err := strconv.ParseUint(id, 10, 16); err == nil {
			out[uint16(n)] = owner
		}
	}
	return out, err
}

// Share lists the fixed shards that hold something among those that replicas share, so that
// a replica takes over what a process that was alone has left.
func (r *Redis) Share(ctx context.Context) error {
	_, err := within(ctx, r, func() (any, error) {
		pipe := r.client.Pipeline()
		var sizes [Shards]*redis.IntCmd
		for id := range sizes {
			sizes[id] = pipe.HLen(ctx, r.subsKey(uint16(id))) //nolint:gosec // small
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return nil, err
		}
		for id, n := range sizes {
			if n.Val() > 0 {
				pipe.HSetNX(ctx, r.registryKey(), strconv.Itoa(id), "")
			}
		}
		if pipe.Len() == 0 {
			return nil, nil
		}
		return pipe.Exec(ctx)
	})
	return err
}

// AcquireFrom is Acquire if the shard is still from's; empty = nobody's. Else it returns 0
// and who has it. Who had it learns of it by HearWent.
func (r *Redis) AcquireFrom(ctx context.Context, shard uint16, from, owner string) (e Epoch, holder string, err error) {
	got, err := within(ctx, r, func() ([]any, error) {
		return acquireFromScript.Run(ctx, r.client, []string{r.epochKey(shard)}, owner, r.now(), from, r.movesChannel(""), appendWent(nil, Went{Shard: shard})).Slice()
	})
	if err != nil {
		return 0, "", err
	}
	epoch, _ := got[0].(int64)
	holder, _ = got[1].(string)
	err = r.SetOwner(ctx, shard, holder)
	return Epoch(epoch), holder, err //nolint:gosec // counted up from 1
}

// SetOwner notes the owner of a shard where Owners finds it.
func (r *Redis) SetOwner(ctx context.Context, shard uint16, owner string) error {
	_, err := within(ctx, r, func() (int64, error) {
		return r.client.HSet(ctx, r.registryKey(), strconv.Itoa(int(shard)), owner).Result()
	})
	return err
}

// KeepFirst keeps a value among the lamps unless one has the key already, and returns what
// is kept: whoever asks, now or later, gets the same.
func (r *Redis) KeepFirst(ctx context.Context, key string, value []byte) ([]byte, error) {
	return within(ctx, r, func() ([]byte, error) {
		hash := r.lampsKey(lampShard(key))
		if err := r.client.HSetNX(ctx, hash, key, value).Err(); err != nil {
			return nil, err
		}
		return r.client.HGet(ctx, hash, key).Bytes()
	})
}

// Epoch is a shard's epoch and who acquired it, as the store has them.
func (r *Redis) Epoch(ctx context.Context, shard uint16) (e Epoch, holder string, err error) {
	got, err := within(ctx, r, func() ([]any, error) {
		return r.client.HMGet(ctx, r.epochKey(shard), "epoch", "owner").Result()
	})
	if err != nil {
		return 0, "", err
	}
	text, _ := got[0].(string)
	n, _ := strconv.ParseUint(text, 10, 64) // none: 0
	holder, _ = got[1].(string)
	return Epoch(n), holder, nil
}

// Server tells one run of the server from every other one: it changes when the server is
// restarted, and when another one takes its place in a failover. Either may have lost what
// was acknowledged. Of a Cluster it is that of all its masters. It is asked over c (Another).
func (r *Redis) Server(ctx context.Context, c redis.UniversalClient) (string, error) {
	one := func(ctx context.Context, c redis.Cmdable) (string, error) {
		text, err := c.Info(ctx, "replication").Result()
		_, id, _ := strings.Cut(text, "master_replid:")
		id, _, _ = strings.Cut(id, "\r")
		return id, err
	}
	return within(ctx, r, func() (string, error) {
		cluster, ok := c.(*redis.ClusterClient)
		if !ok {
			return one(ctx, c)
		}
		var mu sync.Mutex // guards all
		var all []string
		err := cluster.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error {
			id, err := one(ctx, c)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, id)
			return err
		})
		slices.Sort(all)
		return strings.Join(all, " "), err
	})
}

// DropShard deletes a shard that holds nothing, and reports whether it did.
func (r *Redis) DropShard(ctx context.Context, f Fence) (bool, error) {
	gone, err := within(ctx, r, func() (bool, error) {
		return dropScript.Run(ctx, r.client, []string{r.epochKey(f.Shard), r.subsKey(f.Shard)}, uint64(f.Epoch)).Bool()
	})
	if err == nil && gone {
		_, err = within(ctx, r, func() (int64, error) {
			return r.client.HDel(ctx, r.registryKey(), strconv.Itoa(int(f.Shard))).Result()
		})
	}
	return gone, err
}

// Find looks for a key in many shards. stored is what is there, as Move needs it; Plain is the
// value in it. A provisional one is found if it counts.
func (r *Redis) Find(ctx context.Context, key string, shards []uint16) (shard uint16, stored []byte, found bool, err error) {
	if len(shards) == 0 {
		return 0, nil, false, nil
	}
	got, err := within(ctx, r, func() ([]*redis.StringCmd, error) {
		pipe := r.client.Pipeline()
		all := make([]*redis.StringCmd, len(shards))
		for i, id := range shards {
			all[i] = pipe.HGet(ctx, r.subsKey(id), key)
		}
		if _, err := pipe.Exec(ctx); err != nil && err != redis.Nil { //nolint:errorlint // go-redis returns it bare
			return nil, err
		}
		return all, nil
	})
	if err != nil {
		return 0, nil, false, err
	}
	maybe := -1
	for i, c := range got {
		switch b, err := c.Bytes(); {
		case err != nil || len(b) == 0:
		case b[0] != provisional:
			return shards[i], b, true, nil
		default:
			maybe = i
		}
	}
	if maybe < 0 {
		return 0, nil, false, nil
	}
	// A replica died, or did not hear from Redis, in the middle of a move; or one is under way.
	b, _ := got[maybe].Bytes()
	_, from, _ := Plain(b)
	there, err := within(ctx, r, func() (bool, error) { return r.client.HExists(ctx, r.subsKey(from), key).Result() })
	if err != nil || there {
		return 0, nil, false, err
	}
	return shards[maybe], b, true, nil
}

// Plain is the value in what Find found; unfinished tells that its move was not finished, from
// that shard.
func Plain(stored []byte) (value []byte, from uint16, unfinished bool) {
	if len(stored) < provisionalHead || stored[0] != provisional {
		return stored, 0, false
	}
	return stored[provisionalHead:], binary.BigEndian.Uint16(stored[1:]), true
}

// Move takes a key with its value out of one shard and into another, whose epoch is ours.
// It reports false if the value is not what was read any more: read it again. The owner of
// the first shard learns of it by HearWent at once or by Moved, and what it writes of the key
// meanwhile is left out.
func (r *Redis) Move(ctx context.Context, key string, from uint16, was []byte, to Fence) (bool, error) {
	// It may come back to where it went from: from now on what is written of it there counts.
	if _, err := within(ctx, r, func() (int64, error) { return r.client.HDel(ctx, r.movedKey(to.Shard), key).Result() }); err != nil {
		return false, err
	}
	plain, _, _ := Plain(was)
	value := binary.BigEndian.AppendUint16([]byte{provisional}, from)
	err := r.Commit(ctx, []Delta{{Shard: to.Shard, Epoch: to.Epoch, Key: key, Value: append(value, plain...)}}, nil)
	if err != nil {
		return false, err
	}
	ok, err := within(ctx, r, func() (bool, error) {
		return moveScript.Run(ctx, r.client, []string{r.subsKey(from), r.movedKey(from), r.epochKey(from)},
			key, was, r.movesChannel(""), appendWent(nil, Went{from, key, plain})).Bool()
	})
	if err != nil || ok {
		return ok, err // after an error Load finds out
	}
	return false, r.Commit(ctx, []Delta{{Shard: to.Shard, Epoch: to.Epoch, Key: key}}, nil)
}

// Moved lists the keys of a shard that went to others within the last minute.
func (r *Redis) Moved(ctx context.Context, shard uint16) ([]string, error) {
	return within(ctx, r, func() ([]string, error) {
		return movedScript.Run(ctx, r.client, []string{r.movedKey(shard)}).StringSlice()
	})
}

// settle decides about a provisional value that was found in shard: whether it counts, and
// what it is then.
func (r *Redis) settle(ctx context.Context, shard uint16, key string, value []byte) ([]byte, bool, error) {
	if len(value) < provisionalHead || value[0] != provisional {
		return value, true, nil
	}
	from := binary.BigEndian.Uint16(value[1:])
	there, err := within(ctx, r, func() (bool, error) { return r.client.HExists(ctx, r.subsKey(from), key).Result() })
	if err != nil || !there {
		return value[provisionalHead:], err == nil, err
	}
	_, err = within(ctx, r, func() (int64, error) { return r.client.HDel(ctx, r.subsKey(shard), key).Result() })
	return nil, false, err
}
