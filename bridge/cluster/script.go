package cluster

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// script is a Lua script that a full Redis (maxmemory) runs too, from Redis 7.0 on: what ours
// write is small and takes the place of what they wrote before. So replicas live on and lamps
// follow where no new subscription has room. An older Redis refuses it.
type script struct{ plain, full *redis.Script }

func newScript(text string) script {
	return script{redis.NewScript(text), redis.NewScript("#!lua flags=allow-oom\n" + text)}
}

// Run runs the script, which a full Redis ends at its first write; what it has done by then it does again.
func (s script) Run(ctx context.Context, c redis.Scripter, keys []string, args ...any) *redis.Cmd {
	cmd := s.plain.Run(ctx, c, keys, args...)
	if isFull(cmd.Err()) {
		if again := s.full.Run(ctx, c, keys, args...); again.Err() == nil {
			return again
		}
	}
	return cmd
}

// isFull reports whether Redis refused a write because it has no room.
func isFull(err error) bool { return redis.HasErrorPrefix(err, "OOM") }
