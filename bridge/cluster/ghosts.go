package cluster

import (
	"context"

	"blfbridge/bridge/store"
)

// lay deletes from our shards what we do not hold: a Redis that lost its last writes has what had
// moved to others again, where it was. Who took such a shard over would tell the phones of others.
func (s *Shards) lay(ctx context.Context) error {
	s.mu.Lock()
	var all []store.Fence
	for id, h := range s.held {
		if h.loaded {
			all = append(all, store.Fence{Shard: id, Epoch: h.epoch})
		}
	}
	s.mu.Unlock()
	for _, f := range all {
		stored := map[string][]byte{}
		err := s.store.Entries(ctx, f.Shard, func(key string, value []byte) error {
			stored[key] = value
			return nil
		})
		if err != nil {
			return err
		}
		unknown, err := s.holder.Unknown(ctx, f.Shard, stored)
		if err != nil {
			return err
		}
		for _, key := range unknown {
			gone, err := s.store.Forget(ctx, f, key, stored[key])
			if err != nil {
				return err
			}
			s.c.log.Info("Redis had a subscription again that had gone to another replica, or ended", "key", key, "shard", f.Shard, "deleted", gone)
		}
	}
	return nil
}
