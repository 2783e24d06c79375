package bench

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"blfbridge/bridge/store/storetest"
)

// standingIn makes a bench with a server, whose phases the test plays itself.
func standingIn(t *testing.T, o Options) *bench {
	t.Helper()
	if err := o.check(); err != nil {
		t.Fatal(err)
	}
	b := &bench{o: o}
	remove, err := b.startOwn()
	t.Cleanup(func() {
		if err := remove(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.own.close(); err != nil {
			t.Error(err)
		}
	})
	if b.farm, err = newFarm([]netip.AddrPort{b.server.addr()}, o.Sockets, o.Lines, o.Loss); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.farm.close)
	b.farm.grow(o.Subscriptions)
	return b
}

// metric of the server.
func (b *bench) metric(t *testing.T, name string) float64 {
	t.Helper()
	a, err := b.own.ask("metrics")
	if err != nil {
		t.Fatal(err)
	}
	return a.Metrics[name]
}

// peak is the most memory that the server ever had, in bytes.
func (b *bench) peak(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.own.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("no peak in\n%s", text)
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n << 10
}

// clean fails the test for what no phone may ever see.
func clean(t *testing.T, what string, c *counters) {
	t.Helper()
	if c.StepsBack+c.Reused+c.Failed+c.Ended+c.Strange > 0 {
		t.Errorf("%s: %d steps back, %d CSeqs used twice, %d failed, %d ended, %d strange", what, c.StepsBack, c.Reused, c.Failed, c.Ended, c.Strange)
	}
}

var crowd = flag.Int("crowd", everybody, "how many subscriptions TestPowerCut has; 100000 is what it is about")

// TestPowerCut: everybody subscribes at the same moment, patient as a phone is. All are
// served in the end, once, without a word out of order, and memory is bounded.
func TestPowerCut(t *testing.T) {
	o := small(t, "storm")
	o.Subscriptions, o.Lines, o.Outstanding, o.Sockets = *crowd, 400, *crowd, 4
	b := standingIn(t, o)
	empty := b.peak(t)
	c, err := b.subscribe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	clean(t, "storm", c)
	if c.VersionGaps > 0 || b.farm.wrong() > 0 {
		t.Errorf("%d versions left out, %d lamps wrong", c.VersionGaps, b.farm.wrong())
	}
	if n := b.metric(t, "blfbridge_subscriptions"); int(n) != *crowd || b.farm.count(stands) != *crowd {
		t.Errorf("%v subscriptions there and %d here, want %d", n, b.farm.count(stands), *crowd)
	}
	most := 200<<20 + *crowd*8<<10
	t.Logf("%d sent again, %d refused for now, peak %d MB of %d", c.Retransmissions, c.Refused, (b.peak(t)-empty)>>20, most>>20)
	if b.peak(t)-empty > most {
		t.Errorf("the server took %d MB, want at most %d", (b.peak(t)-empty)>>20, most>>20)
	}
}

func stands(_ int, s *subscription) bool { return s.flags&standing != 0 }

// TestPBXRestart: a PBX that restarts tells of all its phones at once, again and again; in
// the end every lamp is right, and nothing is left of the storms.
func TestPBXRestart(t *testing.T) {
	const lines, watched = devices, devices / 10
	o := small(t, "fanout")
	o.Subscriptions, o.Lines, o.Outstanding, o.Sockets = watched, lines, 1000, 4
	b := standingIn(t, o)
	if _, err := b.subscribe(t.Context()); err != nil {
		t.Fatal(err)
	}
	restart := func(on bool) {
		t.Helper()
		state := "off"
		if on {
			state = "on"
		}
		c, err := b.farm.play(t.Context(), phase{}, func(ctx context.Context) error {
			b.farm.pending.Store(watched)
			select {
			case <-b.farm.allShown:
			default:
			}
			b.farm.alter(0, lines)
			if _, err := fmt.Fprintln(b.own.in, "restarted "+state); err != nil {
				return err
			}
			select {
			case <-b.farm.allShown:
				return nil
			case <-time.After(patience):
				return fmt.Errorf("%w: %d phones do not show it", ErrStalled, b.farm.pending.Load())
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		clean(t, "restart", c)
		if c.VersionGaps > 0 || b.farm.wrong() > 0 {
			t.Errorf("%d versions left out, %d lamps wrong", c.VersionGaps, b.farm.wrong())
		}
	}
	heap := func() uint64 {
		a, err := b.own.ask("settle")
		if err != nil {
			t.Fatal(err)
		}
		return a.Heap
	}
	restart(true)
	restart(false)
	first := heap()
	for i := range 2 {
		restart(i%2 == 0)
	}
	if last := heap(); last > first+first/4 {
		t.Errorf("the heap grew from %d to %d MB", first>>20, last>>20)
	} else {
		t.Logf("heap %d MB, after two more restarts %d MB", first>>20, last>>20)
	}
}

// TestKilledAgainAndAgain: SIGKILL in the midst of storms, refreshes and changes, on Redis
// and on bolt. What was accepted stands, no CSeq is used twice, no version goes back.
func TestKilledAgainAndAgain(t *testing.T) {
	for _, kind := range []string{"bolt", "redis"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			const count, kills = 600, 3
			o := small(t, "storm")
			o.Subscriptions, o.Lines, o.Outstanding, o.Sockets, o.Rate = count, 60, 300, 2, 1000
			if kind == "redis" {
				_, ctl := storetest.StartRedis(t)
				o.Store = ctl.URL()
			}
			b := standingIn(t, o)
			b.config.Listen = b.own.at.String()
			for i := range kills {
				k := refresh
				if i == 0 {
					k = subscribe
				}
				c, err := b.farm.play(t.Context(), b.phase(k), func(ctx context.Context) error { return b.killedAt(ctx, (i+1)*count/(kills+1), count) })
				if err != nil {
					t.Fatalf("kill %d: %v", i, err)
				}
				clean(t, fmt.Sprint("kill ", i), c)
				if n := b.farm.count(stands); n != count {
					t.Errorf("kill %d: %d stand, want %d", i, n, count)
				}
			}
			// All of them are still told: first of what is under way, then of what comes.
			for end := time.Now().Add(patience); b.farm.wrong() > 0 && time.Now().Before(end); {
				c, err := b.farm.play(t.Context(), phase{}, func(ctx context.Context) error { return sleep(ctx, 100*time.Millisecond) })
				if err != nil {
					t.Fatal(err)
				}
				clean(t, "the rest", c)
			}
			c, err := b.farm.play(t.Context(), phase{}, func(ctx context.Context) error {
				for line := range o.Lines {
					if _, err := b.round(ctx, line, 1, count/int64(o.Lines)); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			clean(t, "changes", c)
			if b.farm.wrong() > 0 {
				t.Errorf("%d lamps wrong", b.farm.wrong())
			}
			if n := b.metric(t, "blfbridge_subscriptions"); n != count {
				t.Errorf("%v subscriptions there, want %d", n, count)
			}
		})
	}
}

// killedAt changes lines until so many SUBSCRIBEs of the phase are through, kills the
// server, starts it again, and waits until all are.
func (b *bench) killedAt(ctx context.Context, at, all int) error {
	end := time.Now().Add(2 * patience)
	wait := func(n int) error {
		for line := 0; int(b.farm.completed.Load()) < n; line++ {
			if time.Now().After(end) {
				return fmt.Errorf("%w: %d of %d", ErrStalled, b.farm.completed.Load(), n)
			}
			line %= b.o.Lines
			b.farm.alter(line, 1)
			if err := b.server.set(ctx, line, 1, b.farm.lines[line].change.Load()&1 == 1); err != nil {
				return err
			}
			if err := sleep(ctx, time.Millisecond); err != nil {
				return err
			}
		}
		return nil
	}
	if err := wait(at); err != nil {
		return err
	}
	if err := b.own.kill(); err != nil {
		return err
	}
	again, err := startChild(b.o.Server(), b.config)
	if err != nil {
		return err
	}
	b.own, b.server = again, again
	// The new PBX has every line idle.
	for i := range b.farm.lines {
		if b.farm.lines[i].change.Load()&1 == 1 {
			b.farm.alter(i, 1)
		}
	}
	return wait(all)
}
