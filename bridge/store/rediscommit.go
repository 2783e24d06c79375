package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// errTooFewReplicas: the master has the commit, but WAIT saw fewer replicas than asked.
var errTooFewReplicas = errors.New("too few replicas have the commit")

// Commit implements Backend: one pipeline, with one script per shard. Deltas and
// lamps are atomic per shard, not as a whole.
func (r *Redis) Commit(ctx context.Context, deltas []Delta, lamps []LampDelta) error {
	if err := checkBatch(deltas, lamps); err != nil {
		return err
	}
	if len(deltas)+len(lamps) == 0 {
		return r.Ping(ctx)
	}
	parts := partition(deltas)
	_, err := within(ctx, r, func() (struct{}, error) { return struct{}{}, r.commit(ctx, parts, lamps) })
	return err
}

func (r *Redis) commit(ctx context.Context, parts []part, lamps []LampDelta) error {
	pipe := r.client.Pipeline()
	scripts := make([]*redis.Cmd, len(parts))
	args := make([][]any, len(parts))
	for i, p := range parts {
		args[i] = p.scriptArgs()
		scripts[i] = commitScript.EvalSha(ctx, pipe, r.partKeys(p), args[i]...)
	}
	r.pipeLamps(ctx, pipe, lamps)
	waited := r.pipeWait(ctx, pipe)
	_, err := pipe.Exec(ctx)
	if err != nil && !redis.HasErrorPrefix(err, "NOSCRIPT") {
		return err
	}
	r.rounds.Inc()

	// A server that restarted or took over does not know the script: send its text.
	again := false
	for i := range scripts {
		if redis.HasErrorPrefix(scripts[i].Err(), "NOSCRIPT") {
			scripts[i] = commitScript.Eval(ctx, pipe, r.partKeys(parts[i]), args[i]...)
			again = true
		}
	}
	if again {
		waited = r.pipeWait(ctx, pipe)
		if _, err := pipe.Exec(ctx); err != nil {
			return err
		}
		r.rounds.Inc()
	}
	if waited != nil && waited.Val() < int64(r.waitReplicas) {
		return fmt.Errorf("%w: %d of %d", errTooFewReplicas, waited.Val(), r.waitReplicas)
	}
	return verdict(parts, scripts)
}

// pipeWait adds WAIT to the connection of the writes, if replicas are asked for.
func (r *Redis) pipeWait(ctx context.Context, pipe redis.Pipeliner) *redis.IntCmd {
	if r.waitReplicas == 0 {
		return nil
	}
	cmd := redis.NewIntCmd(ctx, "wait", r.waitReplicas, r.waitTimeout.Milliseconds())
	_ = pipe.Process(ctx, cmd) // only queues it
	return cmd
}

// verdict reads the scripts' answers.
func verdict(parts []part, scripts []*redis.Cmd) error {
	var refused []Fence
	var went []Went
	for i, s := range scripts {
		switch said, err := s.Result(); {
		case err != nil:
			return err
		case said == int64(0):
			refused = append(refused, parts[i].Fence)
		case said != int64(1):
			keys, _ := said.([]any)
			went = append(went, parts[i].went(keys)...)
		}
	}
	var errs []error
	if len(refused) > 0 {
		errs = append(errs, &FencedError{Fenced: refused})
	}
	if len(went) > 0 {
		errs = append(errs, &WentError{Went: went})
	}
	return errors.Join(errs...)
}

// went are the entries that commit.lua left out.
func (p part) went(keys []any) (all []Went) {
	out := map[any]bool{}
	for _, k := range keys {
		out[k] = true
	}
	for _, d := range p.deltas {
		if out[d.Key] && d.Value != nil {
			all = append(all, Went{d.Shard, d.Key, d.Value})
		}
	}
	return all
}

func (r *Redis) partKeys(p part) []string {
	return []string{r.epochKey(p.Shard), r.subsKey(p.Shard), r.movedKey(p.Shard)}
}

// scriptArgs are the arguments of commit.lua. A key stands once, with its last value.
func (p part) scriptArgs() []any {
	last := make(map[string]int, len(p.deltas))
	for i, d := range p.deltas {
		last[d.Key] = i
	}
	args := make([]any, 2, 2+2*len(p.deltas))
	sets := 0
	for i, d := range p.deltas {
		if d.Value != nil && last[d.Key] == i {
			args = append(args, d.Key, d.Value)
			sets++
		}
	}
	for i, d := range p.deltas {
		if d.Value == nil && last[d.Key] == i {
			args = append(args, d.Key)
		}
	}
	args[0], args[1] = strconv.FormatUint(uint64(p.Epoch), 10), strconv.Itoa(sets)
	return args
}

// pipeLamps adds one HSET and one HDEL per hash. A key stands once, with its last value.
func (r *Redis) pipeLamps(ctx context.Context, pipe redis.Pipeliner, lamps []LampDelta) {
	last := make(map[string]int, len(lamps))
	for i, l := range lamps {
		last[l.Key] = i
	}
	var sets [lampShards][]any
	var deletes [lampShards][]string
	for i, l := range lamps {
		n := lampShard(l.Key)
		switch {
		case last[l.Key] != i:
		case l.Value == nil:
			deletes[n] = append(deletes[n], l.Key)
		default:
			sets[n] = append(sets[n], l.Key, l.Value)
		}
	}
	for n := range uint32(lampShards) {
		if len(sets[n]) > 0 {
			pipe.HSet(ctx, r.lampsKey(n), sets[n]...)
		}
		if len(deletes[n]) > 0 {
			pipe.HDel(ctx, r.lampsKey(n), deletes[n]...)
		}
	}
}
