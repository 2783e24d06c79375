package store

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config says which store to open and how.
type Config struct {
	// Kind is "bolt" (the default) or "redis".
	Kind string

	// Path is bolt's file. It is created, with its folder, if it does not exist.
	Path string
	// LockTimeout is how long to wait for another process that has the file open;
	// default 3 s.
	LockTimeout time.Duration
	// JournalLimit is the size in bytes at which the journal is folded into bolt's file;
	// default 32 MiB.
	JournalLimit int64

	// URLs are Redis addresses: redis://[user:password@]host:port[/db], rediss:// for
	// TLS, or unix://path. One is a single server, several are a Cluster's seeds, and
	// with Master they are the Sentinels.
	URLs []string
	// Master is the name of the master that the Sentinels watch.
	Master string
	// Cluster makes a single URL the seed of a Cluster.
	Cluster bool
	// Username and Password win over those in the URLs.
	Username, Password string
	// SentinelUsername and SentinelPassword are for the Sentinels themselves.
	SentinelUsername, SentinelPassword string
	// Prefix starts every key; default "blf". Installations that share a Redis need
	// different ones.
	Prefix string
	// TLS, if set, is used for every connection, whatever the URLs say.
	TLS *tls.Config
	// DialTimeout, ReadTimeout and WriteTimeout default to 2 s each.
	DialTimeout, ReadTimeout, WriteTimeout time.Duration
	// WaitReplicas is how many replicas must have a commit before it counts as
	// durable (WAIT); 0 asks for none. Not with a Cluster, where WAIT cannot be tied
	// to the writes: use the server's min-replicas-to-write there.
	WaitReplicas int

	// Logger may be nil.
	Logger *slog.Logger
	// Registerer may be nil.
	Registerer prometheus.Registerer
}

// Open opens the store and checks its layout. The error names what to mend; it
// matches ErrAway if the store cannot be reached now, so that trying again may help.
func Open(ctx context.Context, cfg Config) (Backend, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	switch cfg.Kind {
	case "bolt", "":
		return openBolt(ctx, cfg)
	case "redis":
		return openRedis(ctx, cfg)
	}
	return nil, fmt.Errorf("store: unknown kind %q, want bolt or redis", cfg.Kind)
}
