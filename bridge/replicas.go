package bridge

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"time"

	"blfbridge/bridge/cluster"
	"blfbridge/bridge/compositor"
	"blfbridge/bridge/config"
	"blfbridge/bridge/store"
)

// leaveTime bounds how long a stop tells the others.
const leaveTime = 5 * time.Second

// replicas is this process's part among those that share its Redis.
type replicas struct {
	cluster *cluster.Cluster
	shards  *cluster.Shards
}

// newReplicas joins the replicas; the store is open and checked to be Redis.
func (b *Bridge) newReplicas(c *config.Config) *replicas {
	shared := b.backend.(*store.Redis)
	host, _ := os.Hostname()
	r := &replicas{}
	r.cluster = cluster.New(cluster.Config{
		Store: shared, Lease: c.Replicas.Lease, Clock: b.clock, Logger: b.log, Registerer: b.registry,
		// A process that begins anew is another one: what it had is not in its memory.
		Replica: cmp.Or(c.Replicas.Name, host) + "/" + rand.Text()[:8],
	})
	r.shards = r.cluster.NewShards()
	return r
}

// joinReplicas takes over what the replicas agree on, before anything is read by it: their clock,
// and what signs digest nonces.
func (b *Bridge) joinReplicas(ctx context.Context) error {
	if b.replicas == nil {
		return nil
	}
	for {
		err := b.replicas.cluster.Join(ctx)
		if err == nil {
			err = b.shareNonces(ctx)
		}
		if err == nil || ctx.Err() != nil {
			return nil
		}
		b.log.Warn("what the replicas agree on is not known; serving begins when the store tells", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(joinPause):
		}
	}
}

// nonceKeyName is where the secret is kept that signs digest nonces; the first replica makes it.
const nonceKeyName = edgePrefix + "nonces"

func (b *Bridge) shareNonces(ctx context.Context) error {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	secret, err := b.backend.(*store.Redis).KeepFirst(ctx, nonceKeyName, secret)
	if err == nil {
		b.sip.ShareNonces(secret)
	}
	return err
}

// joinPause is between two tries to join the replicas.
const joinPause = 500 * time.Millisecond

// handOverTime bounds how long a stop hands over, beside the time that writing takes.
const handOverTime = 20 * time.Second

// streamTime is over how long the phones with connections are told to come again.
const streamTime = 2 * time.Second

// handOver gives to the other replicas what this one has, while everything runs still: the
// PBXs' feeds, and the subscriptions shard by shard. Phones with connections are told to
// subscribe again.
func (b *Bridge) handOver() {
	begun := time.Now()
	ctx, cancel := b.unlessGivenUp(context.Background(), handOverTime+writeTime(b.notifier.Total()))
	defer cancel()
	others, err := b.replicas.shards.Leaving(ctx)
	if err != nil || !others {
		b.log.Info("no other replica takes over", "error", err)
		return
	}
	b.replicas.cluster.Yield()
	err = errors.Join(b.notifier.LeaveStreams(ctx, streamTime), b.replicas.shards.HandOver(ctx))
	if err != nil {
		b.log.Warn("not all could be handed over; the others take it as that of a replica that died", "error", err)
	}
	b.log.Info("handed over to the other replicas", "took", time.Since(begun).Round(time.Millisecond))
}

// leave lets the others take over at once; all is written.
func (r *replicas) leave(ctx context.Context) error {
	return errors.Join(r.shards.Leave(ctx), r.cluster.Close())
}

// shareSource is a PBX as all replicas share it.
func (b *Bridge) shareSource(s compositor.Source) compositor.Source {
	if b.replicas == nil {
		return s
	}
	return b.replicas.cluster.Source(s)
}
