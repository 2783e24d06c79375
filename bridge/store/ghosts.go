package store

import (
	"context"
	_ "embed"

	"github.com/redis/go-redis/v9"
)

//go:embed lua/forget.lua
var forgetLua string

var forgetScript = redis.NewScript(forgetLua)

// Entries calls fn once for every entry of a shard as it is stored, but for those whose move
// is not finished. It settles nothing.
func (r *Redis) Entries(ctx context.Context, shard uint16, fn func(key string, value []byte) error) error {
	return r.scan(ctx, r.subsKey(shard), func(key string, value []byte) error {
		if _, _, unfinished := Plain(value); unfinished {
			return nil
		}
		return fn(key, value)
	})
}

// Forget deletes an entry if it is what was read, and the shard still ours; it reports whether it did.
func (r *Redis) Forget(ctx context.Context, f Fence, key string, was []byte) (bool, error) {
	return within(ctx, r, func() (bool, error) {
		return forgetScript.Run(ctx, r.client, []string{r.epochKey(f.Shard), r.subsKey(f.Shard)}, uint64(f.Epoch), key, was).Bool()
	})
}
