package cluster

import (
	"context"
	"errors"

	"blfbridge/bridge/store"
)

// Claim implements notifier.Shared: a phone refreshed here what another replica has, because
// it came by another way. The subscription moves here, to where the phone's way is.
func (s *Shards) Claim(keys []string, to uint16, take func(key string, value []byte, err error)) {
	select {
	case s.claims <- struct{}{}:
	default:
		take("", nil, ErrBusy)
		return
	}
	s.mu.Lock()
	if s.left || s.ctx.Err() != nil {
		s.mu.Unlock()
		<-s.claims
		take("", nil, context.Canceled)
		return
	}
	s.wg.Go(func() {
		key, value, err := s.claim(s.ctx, keys, to)
		<-s.claims
		switch {
		case err != nil:
			s.c.metrics.claims.WithLabelValues("failed").Inc()
		case value == nil:
			s.c.metrics.claims.WithLabelValues("unknown").Inc()
		default:
			s.c.metrics.claims.WithLabelValues("moved").Inc()
		}
		take(key, value, err)
	})
	s.mu.Unlock()
}

// claimTries is how often a subscription is read again that its owner writes meanwhile.
const claimTries = 5

func (s *Shards) claim(ctx context.Context, keys []string, to uint16) (string, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.c.lease)
	defer cancel()
	for range claimTries {
		owners, err := s.store.Owners(ctx)
		if err != nil {
			return "", nil, err
		}
		var others []uint16
		s.mu.Lock()
		home := s.held[to]
		for id := range owners {
			if h, ours := s.held[id]; !ours || !h.loaded {
				others = append(others, id)
			}
		}
		s.mu.Unlock()
		if !home.loaded {
			return "", nil, store.ErrFenced // ours was lost meanwhile
		}
		moved, found := false, false
		for _, key := range keys {
			from, value, there, err := s.store.Find(ctx, key, others)
			if err != nil {
				return "", nil, err
			}
			if !there {
				continue
			}
			if found = true; owners[from] == s.c.replica {
				return "", nil, ErrLoading
			}
			if moved, err = s.store.Move(ctx, key, from, value, store.Fence{Shard: to, Epoch: home.epoch}); err != nil {
				return "", nil, err
			}
			if moved {
				return key, value, s.tell(ctx, owners[from])
			}
			break
		}
		if !found {
			return "", nil, nil
		}
	}
	return "", nil, errors.New("cluster: the subscription is being written all the time")
}

// tell tells a subscription's last owner that it went. If that fails the owner sees it when
// it looks the next time; what it sends until then is lower than what we send.
func (s *Shards) tell(ctx context.Context, owner string) error {
	if owner == "" {
		return nil
	}
	if err := s.c.took(ctx, owner); err != nil {
		s.c.log.Debug("a replica could not be told that a subscription went", "replica", owner, "error", err)
	}
	return nil
}
