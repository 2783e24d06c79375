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
	"blfbridge/bridge/trace"
	"blfbridge/policy"
	"blfbridge/policy/policystore"
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
	External      External
	Cluster       Cluster // nil = this process is alone
	// Snapshot is the policy in force, never nil.
	Snapshot func() *policy.Snapshot
	// Mobility is who is logged in where.
	Mobility Mobility
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
	// Policy is the policy in force, not to be changed, and its revision: 0 if none was
	// ever imported, or if it comes from policy.file.
	Policy(ctx context.Context) (*policy.Document, uint64, error)
	// EditPolicy changes the stored policy and puts the new one in force, whole or not at
	// all; Known and Check of the edit are the backend's. The error matches
	// policystore.ErrConflict if another revision is stored, and is policy.Problems of a
	// document that is not valid.
	EditPolicy(ctx context.Context, e policystore.Edit) (policystore.Edited, error)
	// PolicyAudit is the audit trail, the newest first: at most limit entries, 0 = all.
	PolicyAudit(ctx context.Context, limit int) ([]policystore.Entry, error)
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
	// Trace is what the live trace listens to; nil: nothing is traced.
	Trace *trace.Hub
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
	if c.Trace == nil {
		c.Trace = trace.NewHub()
	}
	return nil
}

// Limits of what one client can make us hold.
const (
	// MaxPolicy is the largest policy document taken: 100,000 lines and 50,000 phones with
	// ten buttons each are some 45 MB.
	MaxPolicy = 128 << 20
	// maxBody is the largest body of any other request.
	maxBody = 64 << 10

	headerTimeout = 5 * time.Second
	bodyTimeout   = 30 * time.Second
	// handleTimeout bounds the work on one request, and policyTimeout that on one which
	// changes the policy: both stores take a large document within seconds.
	handleTimeout = 30 * time.Second
	policyTimeout = 2 * time.Minute
	writeTimeout  = policyTimeout + 30*time.Second
	idleTimeout   = 2 * time.Minute
	// stopTimeout is how long requests under way may take when the process ends.
	stopTimeout = 5 * time.Second
)
