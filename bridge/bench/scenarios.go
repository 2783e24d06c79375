package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"time"
)

// patience is how long a server may say nothing: a request's own time-out is 32 s.
const patience = 45 * time.Second

func (b *bench) phase(k kind) phase {
	n := len(b.farm.workers)
	return phase{kind: k, window: max(1, b.o.Outstanding/n), rate: b.o.Rate / float64(n)}
}

// subscribe lets all subscriptions stand.
func (b *bench) subscribe(ctx context.Context) (*counters, error) {
	b.farm.run = "-" + strconv.FormatUint(rand.Uint64()>>24, 36) // new dialogs
	c, err := b.farm.play(ctx, b.phase(subscribe), nil)
	b.stood = err == nil
	return c, err
}

// storm: everybody subscribes. The last one's subscriptions stay.
func (b *bench) storm(ctx context.Context, last bool) error {
	if b.stood {
		b.o.Progress("unsubscribing")
		p := b.phase(unsubscribe)
		p.rate = 0
		if _, err := b.farm.play(ctx, p, nil); err != nil {
			return err
		}
		b.stood = false
	}
	m, err := b.measure("storm")
	if err != nil {
		return err
	}
	defer m.abandon()
	c, err := b.subscribe(ctx)
	if err != nil {
		return err
	}
	r, err := m.end(c, int(c.subscribeNotify.n))
	if err != nil {
		return err
	}
	r.Wrong = b.farm.wrong()
	if last {
		if err := b.weigh(ctx, r); err != nil {
			return err
		}
	}
	b.report.Results = append(b.report.Results, *r)
	return nil
}

// weigh measures the memory of what stands: at once, and of an own server again when
// unused memory was given back, as it is after some quiet minutes.
func (b *bench) weigh(ctx context.Context, r *Result) error {
	standing := b.farm.count(func(_ int, s *subscription) bool { return s.flags&standing != 0 })
	per := func() (all, files float64) {
		n, f := memoryOf(b.server.pids())
		each := func(n int64) float64 { return round(float64(n)/float64(max(standing, 1)), 1) }
		return each(n - b.report.EmptyBytes), each(f - b.emptyFiles)
	}
	r.Bytes, _ = per()
	if b.own == nil || b.o.Settle == 0 {
		return nil
	}
	b.o.Progress("settling")
	if _, err := b.farm.play(ctx, phase{}, func(ctx context.Context) error { return sleep(ctx, b.o.Settle) }); err != nil {
		return err
	}
	a, err := b.own.ask("settle")
	if err != nil {
		return err
	}
	r.GC = a.GC
	r.IdleBytes, r.FileBytes = per()
	return nil
}

// refresh: all subscriptions are refreshed in their dialogs.
func (b *bench) refresh(ctx context.Context) error {
	m, err := b.measure("refresh")
	if err != nil {
		return err
	}
	defer m.abandon()
	c, err := b.farm.play(ctx, b.phase(refresh), nil)
	if err != nil {
		return err
	}
	r, err := m.end(c, int(c.subscribeNotify.n))
	if err != nil {
		return err
	}
	r.Wrong = b.farm.wrong()
	b.report.Results = append(b.report.Results, *r)
	return nil
}

// round changes a range of lines at once and waits until every phone shows it; took is
// how long the last one took.
func (b *bench) round(ctx context.Context, first, count int, watchers int64) (took time.Duration, err error) {
	f := b.farm
	select {
	case <-f.allShown:
	default:
	}
	f.pending.Store(watchers)
	at := f.alter(first, count)
	on := f.lines[first].change.Load()&1 == 1
	if err := b.server.set(ctx, first, count, on); err != nil {
		return 0, err
	}
	select {
	case last := <-f.allShown:
		return time.Duration(last - at), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(patience):
		return 0, fmt.Errorf("%w: %d phones do not show a change after %v", ErrStalled, f.pending.Load(), patience)
	}
}

// fanout: all lines change at once, again and again.
func (b *bench) fanout(ctx context.Context) error {
	watchers := b.farm.watchers(0, b.o.Lines)
	if watchers == 0 {
		return errors.New("bench: no subscription stands")
	}
	warm := func(ctx context.Context) error {
		for range 2 { // the lamps are dark again afterwards
			if _, err := b.round(ctx, 0, b.o.Lines, watchers); err != nil {
				return err
			}
		}
		return nil
	}
	if _, err := b.farm.play(ctx, phase{}, warm); err != nil {
		return err
	}
	m, err := b.measure("fanout")
	if err != nil {
		return err
	}
	defer m.abandon()
	var last histogram
	c, err := b.farm.play(ctx, phase{}, func(ctx context.Context) error {
		for i := range b.o.Rounds {
			if i > 0 {
				if err := sleep(ctx, b.o.Pause); err != nil {
					return err
				}
			}
			took, err := b.round(ctx, 0, b.o.Lines, watchers)
			if err != nil {
				return err
			}
			last.add(took)
		}
		return nil
	})
	if err != nil {
		return err
	}
	r, err := m.end(c, int(c.Notifies))
	if err != nil {
		return err
	}
	r.Last, r.Wrong = last.latency(), b.farm.wrong()
	b.report.Results = append(b.report.Results, *r)
	return nil
}

// soak: lines change and subscriptions are refreshed, at given rates, for a while. In the
// end every phone must show the last state of its line.
func (b *bench) soak(ctx context.Context) error {
	m, err := b.measure("soak")
	if err != nil {
		return err
	}
	defer m.abandon()
	p := b.phase(refresh)
	p.cycle = true
	if p.rate == 0 { // as phones do: at half of their time
		p.rate = float64(b.o.Subscriptions) / (b.farm.expires.Seconds() / 2) / float64(len(b.farm.workers))
	}
	soaked, err := b.farm.play(ctx, p, b.flip)
	if err != nil {
		return err
	}
	r, err := m.end(soaked, int(soaked.Notifies))
	if err != nil {
		return err
	}
	// What is still on its way, retransmissions included.
	end := time.Now().Add(patience)
	for r.Wrong = b.farm.wrong(); r.Wrong > 0 && time.Now().Before(end); r.Wrong = b.farm.wrong() {
		c, err := b.farm.play(ctx, phase{}, func(ctx context.Context) error { return sleep(ctx, 100*time.Millisecond) })
		if err != nil {
			return err
		}
		r.VersionGaps += c.VersionGaps
		r.StepsBack += c.StepsBack
		r.Reused += c.Reused
		r.Duplicates += c.Duplicates
	}
	b.report.Results = append(b.report.Results, *r)
	return nil
}

// flip changes lines by chance, at the rate asked for.
func (b *bench) flip(ctx context.Context) error {
	random := rand.New(rand.NewPCG(2, 3))
	began, done := time.Now(), 0
	for {
		passed := time.Since(began)
		if passed >= b.o.Duration {
			return nil
		}
		for due := int(passed.Seconds() * b.o.Changes); done < due; done++ {
			line := random.IntN(b.o.Lines)
			b.farm.alter(line, 1)
			if err := b.server.set(ctx, line, 1, b.farm.lines[line].change.Load()&1 == 1); err != nil {
				return err
			}
		}
		if err := sleep(ctx, time.Millisecond); err != nil {
			return err
		}
	}
}

// limit measures the bare loop of system calls.
func (b *bench) limit(ctx context.Context) error {
	bare, err := startChild(b.o.Server(), childConfig{Listen: "127.0.0.1:0", Limit: b.o.Sockets})
	if err != nil {
		return err
	}
	f, err := newFarm([]netip.AddrPort{bare.addr()}, b.o.Sockets, 1, 0)
	if err != nil {
		return errors.Join(err, bare.kill())
	}
	defer f.close()
	f.grow(batch * b.o.Sockets)
	bench := &bench{o: b.o, server: bare, own: nil, farm: f}
	bench.o.Subscriptions, bench.o.Lines = 0, 0
	m, err := bench.measure("limit")
	if err != nil {
		return errors.Join(err, bare.kill())
	}
	defer m.abandon()
	pairs := 0
	_, err = f.play(ctx, phase{hello: true}, func(ctx context.Context) error {
		if err := sleep(ctx, b.o.Duration); err != nil {
			return err
		}
		a, err := bare.ask("stop")
		pairs = a.Pairs
		return err
	})
	if err != nil {
		return errors.Join(err, bare.kill())
	}
	r, err := m.end(nil, pairs)
	b.report.Results = append(b.report.Results, *r)
	return errors.Join(err, bare.close())
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
