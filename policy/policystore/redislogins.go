package policystore

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"blfbridge/policy"
)

//go:embed lua/login.lua
var loginLua string

//go:embed lua/logout.lua
var logoutLua string

var loginScript, logoutScript = redis.NewScript(loginLua), redis.NewScript(logoutLua)

// redisLogins are the names of the keys of the logins.
type redisLogins struct{ phones, users, audit, channel string }

func redisLoginsOf(key string) redisLogins {
	return redisLogins{key, key + ":users", key + ":audit", key + ":changed"}
}

func (l *redisLogins) keys() []string { return []string{l.phones, l.users, l.audit} }

// Sessions implements LoginStore.
func (r *Redis) Sessions(ctx context.Context) (list []Session, revision uint64, err error) {
	// One command: revision and logins belong together.
	all, err := r.client.HGetAll(ctx, r.logins.phones).Result()
	if err != nil {
		return nil, 0, fmt.Errorf("policystore: logins: %w", err)
	}
	for field, text := range all {
		if field == "revision" {
			if revision, err = parseRevision(text); err != nil {
				return nil, 0, fmt.Errorf("policystore: logins: %w", err)
			}
			continue
		}
		s, err := decodeLogin(field, []byte(text))
		if err != nil {
			return nil, 0, fmt.Errorf("policystore: logins: %w", err)
		}
		list = append(list, s)
	}
	return sortSessions(list), revision, nil
}

// LogIn implements LoginStore.
func (r *Redis) LogIn(ctx context.Context, phone policy.PhoneRef, in policy.Login, n Note) (moved Moved, revision uint64, err error) {
	now := time.Now()
	text, err := encodeLogin(in, n.Who, now)
	if err != nil {
		return Moved{}, 0, err
	}
	entry, err := encodeLoginEntry(storedLoginEntry{Who: n.Who, PhoneRef: phone, Login: in}, now)
	if err != nil {
		return Moved{}, 0, err
	}
	got, err := loginScript.Run(ctx, r.client, r.logins.keys(), phone.Tenant, phone.Phone, in.UserID, text, entry, r.logins.channel, MaxEntries).StringSlice()
	if err == nil && len(got) != 3 {
		err = fmt.Errorf("unexpected answer %v", got)
	}
	if err == nil {
		revision, err = parseRevision(got[0])
	}
	if err != nil {
		return Moved{}, 0, fmt.Errorf("policystore: login: %w", err)
	}
	return Moved{got[1], got[2]}, revision, nil
}

// LogOut implements LoginStore.
func (r *Redis) LogOut(ctx context.Context, phone policy.PhoneRef, n Note) (who policy.Login, revision uint64, err error) {
	entry, err := encodeLoginEntry(storedLoginEntry{Who: n.Who, Out: true, PhoneRef: phone}, time.Now())
	if err != nil {
		return policy.Login{}, 0, err
	}
	got, err := logoutScript.Run(ctx, r.client, r.logins.keys(), phone.Tenant, phone.Phone, entry, r.logins.channel, MaxEntries).StringSlice()
	switch {
	case err == nil && len(got) == 0:
		err = nobody(phone)
	case err == nil && len(got) != 2:
		err = fmt.Errorf("unexpected answer %v", got)
	case err == nil:
		if revision, err = parseRevision(got[0]); err == nil {
			var s Session
			s, err = decodeLogin(loginField(phone.Tenant, phone.Phone), []byte(got[1]))
			who = s.Login
		}
	}
	if err != nil {
		return policy.Login{}, 0, fmt.Errorf("policystore: logout: %w", err)
	}
	return who, revision, nil
}

// LoginAudit implements LoginStore.
func (r *Redis) LoginAudit(ctx context.Context, limit int) (out []LoginEntry, err error) {
	err = r.trail(ctx, r.logins.audit, limit, func(revision uint64, text []byte) error {
		e, err := decodeLoginEntry(revision, text)
		out = append(out, e)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("policystore: audit of logins: %w", err)
	}
	return out, nil
}

// WatchLogins implements LoginStore.
func (r *Redis) WatchLogins(ctx context.Context, fn func(revision uint64)) error {
	return r.watch(ctx, watchedHash{"logins", r.logins.phones, r.logins.channel}, fn)
}
