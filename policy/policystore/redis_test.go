package policystore

import (
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"go.uber.org/goleak"

	"blfbridge/bridge/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func client(t *testing.T, addr string) *redis.Client {
	c := redis.NewClient(&redis.Options{
		Addr:                     addr,
		ContextTimeoutEnabled:    true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestRedis(t *testing.T) {
	addr, _ := storetest.StartRedis(t)
	suite(t, home{fresh: func(t *testing.T) subject {
		c := client(t, addr)
		if err := c.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		return subject{
			Store:  NewRedis(RedisConfig{Client: c}),
			reopen: func() Store { return NewRedis(RedisConfig{Client: client(t, addr)}) },
			spoil: func(json string) {
				if err := c.HSet(t.Context(), "{blf:policy}:document", "json", json).Err(); err != nil {
					t.Fatal(err)
				}
			},
		}
	}})
}

// TestRedisKeysAreAsDocumented: operators and Cluster rely on the names.
func TestRedisKeysAreAsDocumented(t *testing.T) {
	addr, _ := storetest.StartRedis(t)
	c := client(t, addr)
	mustImport(t, NewRedis(RedisConfig{Client: c}), sample(1), 0, 1)
	other := NewRedis(RedisConfig{Client: c, Prefix: "other"})
	mustImport(t, other, sample(1), 0, 1)
	mustLogIn(t, other, phoneOf("A"), "ann", 1)
	keys, err := c.Keys(t.Context(), "*").Result()
	slices.Sort(keys)
	if err != nil || !slices.Equal(keys, []string{
		"{blf:policy}:audit", "{blf:policy}:document", "{other:policy}:audit", "{other:policy}:document",
		"{other:policy}:logins", "{other:policy}:logins:audit", "{other:policy}:logins:users",
	}) {
		t.Fatalf("keys %q, error %v", keys, err)
	}
	fields, err := c.HKeys(t.Context(), keys[1]).Result()
	slices.Sort(fields)
	if err != nil || !slices.Equal(fields, []string{"imported", "json", "revision"}) {
		t.Errorf("fields %q, error %v", fields, err)
	}
}

// TestRedisRevisionIsExactBeyondDoubles: Lua's numbers are doubles, revisions are not.
func TestRedisRevisionIsExactBeyondDoubles(t *testing.T) {
	addr, _ := storetest.StartRedis(t)
	c := client(t, addr)
	const revision = 1<<53 + 1
	if err := c.HSet(t.Context(), "{blf:policy}:document", "revision", uint64(revision), "json", "{}").Err(); err != nil {
		t.Fatal(err)
	}
	mustImport(t, NewRedis(RedisConfig{Client: c}), sample(1), revision, revision+1)
}

// TestRedisWatchPolls: a change of which no message came is found all the same.
func TestRedisWatchPolls(t *testing.T) {
	addr, _ := storetest.StartRedis(t)
	c := client(t, addr)
	s := NewRedis(RedisConfig{Client: c, Poll: 20 * time.Millisecond})
	told := watch(t, s)
	awaits(t, told, 0)
	if err := c.HSet(t.Context(), "{blf:policy}:document", "revision", 9, "json", "{}").Err(); err != nil {
		t.Fatal(err)
	}
	awaits(t, told, 9)
}

// TestRedisWatchHearsMessages: with polling out of the way, the channel alone tells.
func TestRedisWatchHearsMessages(t *testing.T) {
	addr, _ := storetest.StartRedis(t)
	s := NewRedis(RedisConfig{Client: client(t, addr), Poll: time.Hour})
	told := watch(t, s)
	awaits(t, told, 0)
	// The first revision is told before the server has confirmed the subscription.
	storetest.Eventually(t, 10*time.Second, "subscribed", func() bool {
		n, err := s.client.PubSubNumSub(t.Context(), s.channel).Result()
		return err == nil && n[s.channel] == 1
	})
	mustImport(t, s, sample(1), 0, 1)
	awaits(t, told, 1)
}

// TestRedisWatchOutlivesAnOutage: the server dies and comes back; what was written
// since is told, and the messages flow again.
func TestRedisWatchOutlivesAnOutage(t *testing.T) {
	addr, ctl := storetest.StartRedis(t)
	s := NewRedis(RedisConfig{Client: client(t, addr), Poll: 50 * time.Millisecond})
	mustImport(t, s, sample(1), 0, 1)
	told := watch(t, s)
	awaits(t, told, 1)
	ctl.Kill()
	if _, err := s.Import(t.Context(), sample(1), 1); err == nil {
		t.Fatal("imported into a dead server")
	}
	time.Sleep(200 * time.Millisecond) // a few polls fail
	ctl.Restart()
	storetest.Eventually(t, 10*time.Second, "an import gets through", func() bool {
		_, err := s.Import(t.Context(), sample(2), AnyRevision)
		return err == nil
	})
	awaits(t, told, 2)
}
