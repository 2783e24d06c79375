package store

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// scanCount is the hint of entries per HSCAN.
const scanCount = 512

// Load implements Backend.
func (r *Redis) Load(ctx context.Context, shard uint16, fn func(key string, value []byte) error) error {
	return r.scan(ctx, r.subsKey(shard), func(key string, value []byte) error {
		value, counts, err := r.settle(ctx, shard, key, value)
		if err != nil || !counts {
			return err
		}
		return fn(key, value)
	})
}

// LoadLamps implements Backend.
func (r *Redis) LoadLamps(ctx context.Context, fn func(key string, value []byte) error) error {
	for n := range uint32(lampShards) {
		if err := r.scan(ctx, r.lampsKey(n), fn); err != nil {
			return err
		}
	}
	return nil
}

// scan walks a hash without holding up the server. HSCAN may return a key twice
// while the hash is being resized; fn gets it once.
func (r *Redis) scan(ctx context.Context, hash string, fn func(string, []byte) error) error {
	seen := map[string]struct{}{}
	var cursor uint64
	for {
		cmd, err := within(ctx, r, func() (*redis.ScanCmd, error) {
			cmd := r.client.HScan(ctx, hash, cursor, "", scanCount)
			return cmd, cmd.Err()
		})
		if err != nil {
			return err
		}
		var page []string
		page, cursor = cmd.Val()
		for i := 0; i+1 < len(page); i += 2 {
			if _, again := seen[page[i]]; again {
				continue
			}
			seen[page[i]] = struct{}{}
			if err := fn(page[i], []byte(page[i+1])); err != nil {
				return err
			}
		}
		if cursor == 0 {
			return nil
		}
	}
}
