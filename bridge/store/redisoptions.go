package store

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// redisOptions makes the client's options. Errors never show an URL, which may hold
// a password.
func redisOptions(cfg Config) (*redis.UniversalOptions, error) {
	if len(cfg.URLs) == 0 {
		return nil, errors.New("store: redis needs a URL, such as redis://127.0.0.1:6379")
	}
	// The client's global logger repeats, without levels, what we get as errors.
	redis.SetLogger(&logging.VoidLogger{})
	o := &redis.UniversalOptions{
		ClientName:            "blfbridge",
		MasterName:            cfg.Master,
		IsClusterMode:         cfg.Cluster,
		DialTimeout:           orDefault(cfg.DialTimeout, 2*time.Second),
		ReadTimeout:           orDefault(cfg.ReadTimeout, 2*time.Second),
		WriteTimeout:          orDefault(cfg.WriteTimeout, 2*time.Second),
		ContextTimeoutEnabled: true,
		// One quick retry mends a connection that went stale; longer outages are the
		// committer's to bridge.
		MaxRetries:    1,
		DialerRetries: 1,
		// One pool, so that it is back for all when a commit got through: after an outage
		// each pool refuses until a probe of its own, once a second, has succeeded.
		PipelinePoolSize: -1,
		// Valkey and older Redis do not know them.
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		TLSConfig:                cfg.TLS,
		SentinelUsername:         cfg.SentinelUsername,
		SentinelPassword:         cfg.SentinelPassword,
	}
	for i, raw := range cfg.URLs {
		u, err := redis.ParseURL(raw)
		if err != nil {
			return nil, fmt.Errorf("store: redis URL %d is not like redis://host:6379/0, rediss://host:6379 or unix:///path", i+1)
		}
		o.Addrs = append(o.Addrs, u.Addr)
		if u.Network == "unix" && len(cfg.URLs) > 1 {
			return nil, fmt.Errorf("store: redis URL %d: a unix socket stands alone", i+1)
		}
		if i == 0 {
			o.Username, o.Password, o.DB = u.Username, u.Password, u.DB
			if o.TLSConfig == nil {
				o.TLSConfig = u.TLSConfig
			}
		}
	}
	if cfg.Username != "" {
		o.Username = cfg.Username
	}
	if cfg.Password != "" {
		o.Password = cfg.Password
	}
	cluster := cfg.Master == "" && (cfg.Cluster || len(o.Addrs) > 1)
	switch {
	case cluster && o.DB != 0:
		return nil, errors.New("store: a Redis Cluster has only database 0: drop the number from the URL")
	case cluster && cfg.WaitReplicas > 0:
		return nil, errors.New("store: wait_replicas does not work with a Redis Cluster: set min-replicas-to-write on its servers instead")
	case strings.ContainsAny(cfg.Prefix, "{}"):
		return nil, errors.New("store: the key prefix must not contain braces: they mark the hash tag")
	}
	return o, nil
}

// clusterLook is how old a client's picture of a Cluster may be: a master that died is not
// asked any longer then. The library's own is a minute.
const clusterLook = time.Second

// newClient connects to what the options name.
func newClient(o *redis.UniversalOptions) redis.UniversalClient {
	if o.MasterName != "" || !o.IsClusterMode && len(o.Addrs) < 2 {
		return redis.NewUniversalClient(o)
	}
	c := o.Cluster()
	c.ClusterStateReloadInterval = clusterLook
	return redis.NewClusterClient(c)
}
