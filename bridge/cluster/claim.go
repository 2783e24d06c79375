package cluster

import (
	"context"
	"errors"
	"time"

	"blfbridge/bridge/store"
)

// ErrElsewhere: the phone has asked another replica since; its subscription stays there.
var ErrElsewhere = errors.New("cluster: the phone has asked another replica since")

// Claim implements notifier.Shared: a phone refreshed here what another replica has, because
// it came by another way. The subscription moves here, to where the phone's way is.
func (s *Shards) Claim(keys []string, to uint16, wanted func(key string, value []byte) bool, take func(key string, value []byte, err error)) {
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
		key, value, err := s.claim(s.ctx, keys, to, wanted)
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

// reclaimTries is how often a subscription is tried to be taken back, five times in a lease.
const reclaimTries = 50

// Reclaim implements notifier.Shared: others took over what was ours, because they thought us
// dead, and of these the phones' connections are ours still.
func (s *Shards) Reclaim(keys []string, home func(key string) (uint16, bool), wanted func(key string, value []byte) bool, take func(key string, to uint16, value []byte)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left || s.ctx.Err() != nil {
		return
	}
	s.wg.Go(func() {
		for _, key := range keys {
			to, value := s.reclaim(key, home, wanted)
			take(key, to, value)
		}
	})
}

func (s *Shards) reclaim(key string, home func(key string) (uint16, bool), wanted func(key string, value []byte) bool) (to uint16, value []byte) {
	for range reclaimTries {
		if to, ok := home(key); ok {
			_, value, err := s.claim(s.ctx, []string{key}, to, wanted)
			if err == nil {
				if value != nil { // else it has ended meanwhile
					s.c.metrics.claims.WithLabelValues("back").Inc()
				}
				return to, value
			}
			if errors.Is(err, ErrElsewhere) {
				break
			}
			s.c.log.Debug("a subscription cannot be taken back yet", "key", key, "error", err)
		}
		if !pause(s.ctx, s.c.lease/5) { // the other one may be loading it
			break
		}
	}
	return 0, nil
}

// claimTries is how often a subscription is read again that its owner writes meanwhile, or of
// which Redis did not say whether it moved; claimTime bounds it all: the phone asks again.
const (
	claimTries = 5
	claimTime  = 5 * time.Second
)

func (s *Shards) claim(ctx context.Context, keys []string, to uint16, wanted func(key string, value []byte) bool) (string, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, max(s.c.lease, claimTime))
	defer cancel()
	var failed error // of a move: Redis may have done it all the same
	for range claimTries {
		owners, err := s.store.Owners(ctx)
		if err != nil {
			return "", nil, err
		}
		var others, own []uint16
		s.mu.Lock()
		home := s.held[to]
		for id := range owners {
			// Also one that was taken over, of which we are about to learn.
			if h, ours := s.held[id]; !ours || !h.loaded || owners[id] != s.c.replica {
				others = append(others, id)
			} else {
				own = append(own, id)
			}
		}
		s.mu.Unlock()
		if !home.loaded {
			return "", nil, store.ErrFenced // ours was lost meanwhile
		}
		key, from, stored, err := s.find(ctx, keys, others, own)
		switch {
		case err != nil:
			return "", nil, err
		case stored == nil:
			return "", nil, nil
		}
		value, origin, unfinished := store.Plain(stored)
		switch {
		case from == to && unfinished:
			return key, value, s.tell(ctx, owners[origin]) // Redis did it, and we did not hear of it
		case owners[from] == s.c.replica && !unfinished:
			return "", nil, ErrLoading
		case !wanted(key, value):
			return "", nil, ErrElsewhere
		}
		moved := false
		if moved, failed = s.store.Move(ctx, key, from, stored, store.Fence{Shard: to, Epoch: home.epoch}); moved {
			return key, value, s.tell(ctx, owners[from])
		}
		if errors.Is(failed, store.ErrFenced) {
			return "", nil, failed
		}
	}
	if failed != nil {
		return "", nil, failed
	}
	return "", nil, errors.New("cluster: the subscription is being written all the time")
}

// find looks for the first of the keys that is anywhere: in shards of others, or in our own, where
// it is unfinished. stored is nil if it is nowhere.
func (s *Shards) find(ctx context.Context, keys []string, others, own []uint16) (key string, from uint16, stored []byte, err error) {
	for _, key := range keys {
		for i, shards := range [][]uint16{others, own} {
			from, stored, there, err := s.store.Find(ctx, key, shards)
			if err != nil {
				return "", 0, nil, err
			}
			if _, _, unfinished := store.Plain(stored); there && (i == 0 || unfinished) {
				return key, from, stored, nil
			}
		}
	}
	return "", 0, nil, nil
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

// heedAgain is how soon a connection that was lost is made anew.
const heedAgain = 100 * time.Millisecond

// heed drops what others take in the moment in which they do, so that what is sent of it ends
// before the other one begins. The next beat tells what was missed.
func (s *Shards) heed(ctx context.Context) {
	for {
		err := s.store.HearWent(ctx, s.c.replica, s.holder.Went, s.takenOver)
		if !pause(ctx, heedAgain) {
			return
		}
		s.c.log.Debug("what others take is not told at once for a while", "error", err)
	}
}

// takenOver drops a shard that another replica has acquired under that epoch.
func (s *Shards) takenOver(by store.Fence) {
	s.mu.Lock()
	h, ours := s.held[by.Shard]
	s.mu.Unlock()
	if ours && h.loaded && h.epoch < by.Epoch { // what is being loaded is looked at by the next beat
		s.drop(store.Fence{Shard: by.Shard, Epoch: h.epoch}, "")
		s.homes()
	}
}
