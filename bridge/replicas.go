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
		Store: shared, Lease: c.Replicas.Lease, Logger: b.log, Registerer: b.registry,
		// A process that begins anew is another one: what it had is not in its memory.
		Replica: cmp.Or(c.Replicas.Name, host) + "/" + rand.Text()[:8],
	})
	r.shards = r.cluster.NewShards()
	return r
}

// leave lets the others take over at once; all is written.
func (r *replicas) leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTime)
	defer cancel()
	return errors.Join(r.shards.Leave(ctx), r.cluster.Close())
}

// shareSource is a PBX as all replicas share it.
func (b *Bridge) shareSource(s compositor.Source) compositor.Source {
	if b.replicas == nil {
		return s
	}
	return b.replicas.cluster.Source(s)
}
