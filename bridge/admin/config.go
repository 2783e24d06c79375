package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/compositor"
	"blfbridge/bridge/config"
	"blfbridge/bridge/notifier"
	"blfbridge/policy"
)

// Lamps tells what the PBXs and their lines do; *compositor.Compositor is one. No method
// blocks for long, and all are called from any goroutine.
type Lamps interface {
	Sources() []compositor.SourceStatus
	// Visit calls fn for every presentity that has devices.
	Visit(fn func(compositor.Key, compositor.Lamp))
	// Lamp is the state of an interned presentity.
	Lamp(id uint32) compositor.Lamp
	// Learned reports whether a PBX reported the number, or may yet.
	Learned(tenant, number string) bool
}

// Subscriptions tells who watches what; *notifier.Notifier is one.
type Subscriptions interface {
	// Visit calls fn for every subscription, one after the other; fn is quick and calls
	// nothing back.
	Visit(ctx context.Context, fn func(notifier.Row)) error
}

// Serving is what a bridge serves once it has started.
type Serving struct {
	Lamps         Lamps
	Subscriptions Subscriptions
	// Snapshot is the policy in force, never nil.
	Snapshot func() *policy.Snapshot
}

// Backend is the running bridge. All methods are called from any goroutine.
type Backend interface {
	// Config is the configuration in force, not to be changed.
	Config() *config.Config
	// Serving is nil while the bridge is still starting; the policy is not asked for then.
	Serving() *Serving
	// Checks tells what readiness depends on, and what else is worth knowing of it.
	Checks(ctx context.Context) []api.Check
	// Ours reports whether a host is the bridge itself: the default tenant's.
	Ours(host string) bool
	// Reload reads configuration and policy again and puts both in force, or neither.
	Reload(ctx context.Context) error
	// PolicyDocument is the policy in force, as YAML; its revision is 0 if none was ever
	// imported, or if it comes from policy.file.
	PolicyDocument(ctx context.Context) (yaml []byte, revision uint64, err error)
	// ImportPolicy checks a document and, unless dryRun, stores it and puts it in force,
	// whole or not at all. The stored revision must be ifRevision
	// (policystore.AnyRevision: whatever it is), else the error matches
	// policystore.ErrConflict; an invalid document is refused with policy.Problems. It
	// returns the new revision, of a dry run the present one.
	ImportPolicy(ctx context.Context, yaml []byte, ifRevision uint64, dryRun bool) (revision uint64, err error)
}

// Config is what New needs. Backend is required.
type Config struct {
	Backend Backend

	// Console, if not nil, serves what is not under /api/ and not a path of ours: the
	// web pages. It is open to everybody, so that it must not hold any data itself.
	Console http.Handler
	// Version of the binary.
	Version string
	// Gatherer is what /metrics shows; nil: nothing.
	Gatherer   prometheus.Gatherer
	Registerer prometheus.Registerer
	Logger     *slog.Logger
}

// ErrConfig is wrapped by what New says about its Config.
var ErrConfig = errors.New("admin: configuration")

func (c *Config) complete() error {
	if c.Backend == nil {
		return fmt.Errorf("%w: no Backend", ErrConfig)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Gatherer == nil {
		c.Gatherer = prometheus.GathererFunc(nothing)
	}
	return nil
}

// Limits of what one client can make us hold.
const (
	// maxPolicy is the largest policy document taken: some 200,000 lines.
	maxPolicy = 32 << 20
	// maxBody is the largest body of any other request.
	maxBody = 64 << 10

	headerTimeout = 5 * time.Second
	bodyTimeout   = 30 * time.Second
	// handleTimeout bounds the work on one request.
	handleTimeout = 30 * time.Second
	writeTimeout  = time.Minute
	idleTimeout   = 2 * time.Minute
	// stopTimeout is how long requests under way may take when the process ends.
	stopTimeout = 5 * time.Second
)
