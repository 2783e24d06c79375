package policystore

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"blfbridge/policy"
)

//go:embed lua/import.lua
var importLua string

var importScript = redis.NewScript(importLua)

// DefaultPoll is how often Watch looks by itself, in case a message got lost.
const DefaultPoll = 5 * time.Second

// bulkTimeout is how long reading or writing the document may take: a large one is tens of
// megabytes, for which the timeout of small commands is too short.
const bulkTimeout = time.Minute

// Redis is the shared home. Its keys, with the prefix "blf", are in one slot of a
// cluster:
//
//	{blf:policy}:document  hash: revision (decimal), json (the document, in gzip if it is large), imported (RFC 3339)
//	{blf:policy}:audit     list: "revision JSON" of each import, the newest first
//	{blf:policy}:changed   channel: the new revision (decimal), after every import
//
//	{blf:policy}:logins          hash: revision (decimal), and for each phone with a user
//	                             logged in "tenant NUL phone" → JSON
//	{blf:policy}:logins:users    hash: "tenant NUL user id" → phone
//	{blf:policy}:logins:audit    list: "revision JSON" of each login and logout, the newest first
//	{blf:policy}:logins:changed  channel: the new revision (decimal), after each of those
type Redis struct {
	client       redis.UniversalClient
	key, channel string
	audit        string
	logins       redisLogins
	poll         time.Duration
	log          *slog.Logger
}

// RedisConfig is what NewRedis needs.
type RedisConfig struct {
	// Client stays the caller's to close, after the last Watch has returned.
	Client redis.UniversalClient
	// Prefix of the keys, without braces; "blf" if empty.
	Prefix string
	// Poll is how often Watch looks by itself; DefaultPoll if 0.
	Poll time.Duration
	// Logger is told when Watch loses the server and finds it again; nil = nobody.
	Logger *slog.Logger
}

// NewRedis uses an open client. It does not talk to the server yet.
func NewRedis(c RedisConfig) *Redis {
	r := &Redis{client: c.Client, poll: c.Poll, log: c.Logger}
	if one, ok := c.Client.(*redis.Client); ok {
		r.client = one.WithTimeout(bulkTimeout)
	}
	prefix := c.Prefix
	if prefix == "" {
		prefix = "blf"
	}
	if r.poll <= 0 {
		r.poll = DefaultPoll
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	r.key, r.channel = "{"+prefix+":policy}:document", "{"+prefix+":policy}:changed"
	r.audit = "{" + prefix + ":policy}:audit"
	r.logins = redisLoginsOf("{" + prefix + ":policy}:logins")
	return r
}

// Load implements Store.
func (r *Redis) Load(ctx context.Context) (*policy.Document, uint64, error) {
	// One command: revision and document belong together.
	got, err := r.client.HMGet(ctx, r.key, "revision", "json").Result()
	if err != nil {
		return nil, 0, fmt.Errorf("policystore: load: %w", err)
	}
	text, ok := got[0].(string)
	if !ok {
		return &policy.Document{}, 0, nil
	}
	revision, err := parseRevision(text)
	if err != nil {
		return nil, 0, fmt.Errorf("policystore: load: %w", err)
	}
	text, _ = got[1].(string)
	d, err := decode([]byte(text))
	if err != nil {
		return nil, 0, fmt.Errorf("policystore: load: %w", err)
	}
	return d, revision, nil
}

func parseRevision(text string) (uint64, error) {
	revision, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: revision %q", ErrCorrupt, text)
	}
	return revision, nil
}

// Import implements Store.
func (r *Redis) Import(ctx context.Context, d *policy.Document, ifRevision uint64) (uint64, error) {
	return r.ImportBy(ctx, d, ifRevision, Note{})
}

// ImportBy implements Store.
func (r *Redis) ImportBy(ctx context.Context, d *policy.Document, ifRevision uint64, n Note) (uint64, error) {
	text, err := encode(d)
	if err != nil {
		return 0, err
	}
	now := time.Now()
	entry, err := encodeEntry(n, now)
	if err != nil {
		return 0, err
	}
	seen := strconv.FormatUint(ifRevision, 10)
	if ifRevision == AnyRevision {
		seen = "any"
	}
	got, err := importScript.Run(ctx, r.client, []string{r.key, r.audit},
		seen, text, now.UTC().Format(time.RFC3339), r.channel, entry, MaxEntries).Slice()
	if err != nil {
		return 0, fmt.Errorf("policystore: import: %w", err)
	}
	if len(got) != 2 {
		return 0, fmt.Errorf("policystore: import: unexpected answer %v", got)
	}
	answer, _ := got[1].(string)
	revision, err := parseRevision(answer)
	if err != nil {
		return 0, fmt.Errorf("policystore: import: %w", err)
	}
	if got[0] != int64(1) {
		return 0, fmt.Errorf("policystore: import: %w", conflict(revision, ifRevision))
	}
	return revision, nil
}

// Audit implements Store.
func (r *Redis) Audit(ctx context.Context, limit int) (out []Entry, err error) {
	err = r.trail(ctx, r.audit, limit, func(revision uint64, text []byte) error {
		e, err := decodeEntry(revision, text)
		out = append(out, e)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("policystore: audit: %w", err)
	}
	return out, nil
}

// trail calls fn for the newest entries of an audit trail, the newest first.
func (r *Redis) trail(ctx context.Context, key string, limit int, fn func(revision uint64, text []byte) error) error {
	lines, err := r.client.LRange(ctx, key, 0, int64(bounded(limit))-1).Result()
	if err != nil {
		return err
	}
	for _, line := range lines {
		number, text, _ := strings.Cut(line, " ")
		revision, err := parseRevision(number)
		if err != nil {
			return err
		}
		if err := fn(revision, []byte(text)); err != nil {
			return err
		}
	}
	return nil
}

// Watch implements Store.
func (r *Redis) Watch(ctx context.Context, fn func(revision uint64)) error {
	return r.watch(ctx, watchedHash{"policy", r.key, r.channel}, fn)
}

// watchedHash is what Watch and WatchLogins look at: a hash with a revision.
type watchedHash struct{ what, key, channel string }

// watch tells a revision at once, and whenever it is another one. It outlives outages of
// the server: nothing is told during one, and the revision found afterwards is told if it
// is another one.
func (r *Redis) watch(ctx context.Context, w watchedHash, fn func(revision uint64)) error {
	messages := r.client.Subscribe(ctx, w.channel)
	defer func() { _ = messages.Close() }()
	wake := messages.Channel()
	ticker := time.NewTicker(r.poll)
	defer ticker.Stop()
	var told told
	away := false
	for {
		// A message only says that there is something to look at: it may be late, or
		// come from a server that has been demoted meanwhile.
		revision, err := r.revision(ctx, w.key)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			if !away {
				r.log.Warn("cannot watch the "+w.what+" in redis, trying again", "every", r.poll, "error", err)
			}
			away = true
		default:
			if away {
				r.log.Info("watching the "+w.what+" in redis again", "revision", revision)
			}
			away = false
			told.tell(revision, fn)
		}
		select {
		case <-ctx.Done():
			return nil
		case _, open := <-wake:
			if !open {
				wake = nil
			}
		case <-ticker.C:
		}
	}
}

func (r *Redis) revision(ctx context.Context, key string) (uint64, error) {
	text, err := r.client.HGet(ctx, key, "revision").Result()
	if errors.Is(err, redis.Nil) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return parseRevision(text)
}
