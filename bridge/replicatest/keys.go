package replicatest

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// FeedKey is the stream of the PBX's feed, leaseKey who holds it.
const (
	FeedKey  = "{blf:pbx:" + Source + "}:entries"
	leaseKey = "{blf:pbx:" + Source + "}:lease"
)

// known are the keys that replicas may leave in Redis, whatever happened to them.
var known = regexp.MustCompile(`^(\{blf\}:(meta|shards|replicas|taken|states|clock|policy.*|sessions.*|audit.*)|\{blf:s\d+\}:(epoch|subs|moved)|\{blf:l\d+\}:lamps|\{blf:pbx:pbx1\}:(lease|entries|devices:\d+-\d+))$`)

// Shards looks what the shards hold: how many times each subscription is there, and which
// of the shards have an owner that does not live.
func (f *Fleet) shards(ctx context.Context) (subs map[string]int, orphans []string, err error) {
	owners, err := f.Redis.HGetAll(ctx, "{blf}:shards").Result()
	if err != nil {
		return nil, nil, err
	}
	live, err := f.Redis.HGetAll(ctx, "{blf}:replicas").Result()
	if err != nil {
		return nil, nil, err
	}
	subs = map[string]int{}
	for id, owner := range owners {
		if live[owner] == "" {
			orphans = append(orphans, id+" of "+owner)
		}
		key := fmt.Sprintf("{blf:s%02s}:subs", id)
		all, err := f.Redis.HGetAll(ctx, key).Result()
		if err != nil {
			return nil, nil, err
		}
		for k := range all {
			subs[k]++
		}
	}
	return subs, orphans, nil
}

// Tidy waits until Redis holds what it should and nothing more: each subscription that
// stands once, in a shard of a replica that lives.
func (f *Fleet) Tidy(most time.Duration) {
	f.T.Helper()
	Eventually(f.T, most, "Redis to be tidy", f.untidy)
}

func (f *Fleet) untidy() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	subs, orphans, err := f.shards(ctx)
	if err != nil {
		return err
	}
	for k, n := range subs {
		if n != 1 {
			return fmt.Errorf("subscription %q is in %d shards", k, n)
		}
	}
	if want := len(f.Watchers()); len(subs) != want || len(orphans) > 0 {
		return fmt.Errorf("%d subscriptions are stored, %d stand; shards without an owner: %v", len(subs), want, orphans)
	}
	live, err := f.Redis.HGetAll(ctx, "{blf}:replicas").Result()
	if err != nil {
		return err
	}
	runs := 0
	for _, r := range f.Replicas {
		if r.Runs() {
			runs++
		}
	}
	if len(live) != runs {
		return fmt.Errorf("%d replicas run, Redis knows %v", runs, slices.Collect(maps.Keys(live)))
	}
	taken, err := f.Redis.HGetAll(ctx, "{blf}:taken").Result()
	if err != nil {
		return err
	}
	for name := range taken {
		if live[name] == "" {
			return fmt.Errorf("what others took of %s is counted, and it is gone", name)
		}
	}
	return f.unknownKeys(ctx)
}

func (f *Fleet) unknownKeys(ctx context.Context) error {
	keys, err := f.Redis.Keys(ctx, "*").Result()
	if err != nil {
		return err
	}
	var devices []string
	for _, k := range keys {
		if !known.MatchString(k) {
			return fmt.Errorf("there is a key %q", k)
		}
		if strings.Contains(k, ":devices:") && f.Redis.TTL(ctx, k).Val() < 0 {
			devices = append(devices, k)
		}
	}
	if len(devices) != 1 {
		return fmt.Errorf("the devices are in %v", devices)
	}
	return nil
}

// lease looks at who holds the feed: every holder has a token of its own, and they rise.
type lease struct {
	token  uint64
	holder string
}

func (l *lease) look(ctx context.Context, f *Fleet) error {
	got, err := f.Redis.HMGet(ctx, leaseKey, "token", "holder").Result()
	if err != nil {
		return nil //nolint:nilerr // Redis is away: that is one of the faults
	}
	text, _ := got[0].(string)
	holder, _ := got[1].(string)
	token, err := strconv.ParseUint(text, 10, 64)
	switch {
	case err != nil:
		return fmt.Errorf("the lease has the token %q", text)
	case token < l.token:
		return fmt.Errorf("the lease's token went from %d (%s) to %d (%s)", l.token, l.holder, token, holder)
	case token == l.token && holder != l.holder:
		return fmt.Errorf("%s and %s hold the feed under the token %d", l.holder, holder, token)
	}
	l.token, l.holder = token, holder
	return nil
}
