package replicatest

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"blfbridge/bridge/device"
)

// Options are what Run needs.
type Options struct {
	// Config is the fleet's.
	Config Config
	// For is how long faults are played, Seed what chooses them.
	For  time.Duration
	Seed uint64
	// Phones is how many watch; every fifth has a connection. Default 200.
	Phones int
	// Only names the faults to play; empty = all.
	Only []string
	// Progress gets a line for each fault; nil = none.
	Progress io.Writer
}

func (o *Options) plays(fault string) bool { return len(o.Only) == 0 || slices.Contains(o.Only, fault) }

// calm is how long a lamp may be wrong while nothing is broken.
const calm = 2 * time.Second

// sure is how long after an outage of Redis a replica takes nobody for dead.
func sure(lease time.Duration) time.Duration { return 2*lease + 3*time.Second }

// chaos is a run of random faults.
type chaos struct {
	*Fleet
	o    Options
	rand *rand.Rand

	quiet atomic.Bool // no line changes
	sure  time.Time   // until then who dies is replaced later
	late  *Asked      // the latest answer; nil = all were prompt

	mu    sync.Mutex // guards what follows
	fault *Fault     // under way, or settling; nil = none
	until time.Duration
	spans []span
	worst map[string]*worst
	wrong []string
}

// span is the time of a fault, with its settling.
type span struct {
	fault    *Fault
	replica  *Replica
	from, to time.Time
}

// worst are a kind's figures.
type worst struct {
	count int
	lamp  time.Duration // a lamp was wrong so long
	right time.Duration // from its end until every lamp was right
}

// Run plays random faults for a time and judges what phones saw:
//
//   - no lamp is wrong for longer than 2 s, or, in a fault's time, than it lasted and its Settle (its
//     Settle alone where lamps follow meanwhile), and the time for which this process itself waited for a processor meanwhile;
//   - CSeq and version never go back or come twice, no subscription ends, no refresh is refused
//     for good, no lamp is unknown (the PBX's grace is longer than any fault);
//   - a refresh is answered within 1 s, by a 503 if need be, unless the fault keeps replicas or Redis
//     from answering, or this process waited for a processor;
//   - a NOTIFY with a CSeq that is too low comes from a replica that was paused or cut off, from
//     one that was paused at most once to each phone, or was on its way when the phone moved or another
//     replica took over (at most 50 ms later than the first of that one);
//   - a NOTIFY shows a change, but for the one that a refresh or an adoption owes;
//   - the feed's entries come from one holder at a time, each subscription is in one shard;
//   - in the end Redis holds what it should, and nothing more.
func Run(t T, o Options) {
	t.Helper()
	if o.Phones == 0 {
		o.Phones = 200
	}
	o.Config.Clocks = o.plays(clockSet)
	t.Logf("seed %d", o.Seed)
	c := &chaos{Fleet: New(t, o.Config), o: o, rand: rand.New(rand.NewPCG(o.Seed, 6)), worst: map[string]*worst{}}
	for i := range o.Phones {
		c.Watch(c.Numbers[i%len(c.Numbers)], c.Replicas[i%len(c.Replicas)], i%5 == 4)
	}
	c.AllRight(5 * time.Second)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { c.traffic(ctx) })
	wg.Go(func() { c.watch(ctx) })
	wg.Go(func() { c.watchFeed(ctx) })
	func() {
		defer wg.Wait()
		defer cancel()
		c.play()
	}()
	c.verdict()
}

// play plays one fault after the other.
func (c *chaos) play() {
	c.T.Helper()
	var kinds []Fault
	for _, f := range Faults(c.Config.Lease) {
		if c.o.plays(f.Name) {
			kinds = append(kinds, f)
		}
	}
	if len(kinds) == 0 {
		c.T.Fatalf("no fault is named %v", c.o.Only)
	}
	var deck []Fault
	for end := time.Now().Add(c.o.For); time.Now().Before(end) && !c.broken(); {
		if len(deck) == 0 { // each kind once before any comes again
			deck = slices.Clone(kinds)
			c.rand.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		}
		c.round(&deck[0])
		deck = deck[1:]
	}
}

func (c *chaos) round(f *Fault) {
	c.T.Helper()
	r := c.Replicas[c.rand.IntN(len(c.Replicas))]
	settle := f.Settle + max(0, time.Until(c.sure))
	d := time.Duration((f.Long + c.rand.Float64()*2) * float64(c.Config.Lease))
	bound := d + settle
	if f.Follows {
		bound = settle
	}
	c.begin(f, r, bound)
	c.Mark("%s begins, for %v, replica %s", f.Name, d.Round(time.Millisecond), r.Name)
	f.Play(c.Fleet, r, d)
	c.Mark("%s is over", f.Name)
	over := time.Now()
	if f.Outage {
		c.sure = over.Add(sure(c.Config.Lease))
	}
	time.Sleep(time.Duration(c.rand.Int64N(int64(time.Second))))
	c.quiet.Store(true)
	stopped := time.Now()
	err := c.allRight(settle)
	for err != nil && time.Since(stopped) < settle+c.stall.patience(stopped, c.Config.Lease) {
		err = c.allRight(100 * time.Millisecond)
	}
	if err != nil {
		c.violated("%s: %v", f.Name, err)
		return
	}
	took := time.Since(stopped)
	if f.After != nil {
		f.After(c.Fleet, r)
		c.Mark("replica %s is back", r.Name)
	}
	c.quiet.Store(false)
	c.end(f, took)
	if c.o.Progress != nil {
		fmt.Fprintf(c.o.Progress, "%6.1f s  %-20s %s  lasted %5.1f s, right again %5.2f s after the last change\n",
			time.Since(c.Began).Seconds(), f.Name, r.Name, over.Sub(c.spans[len(c.spans)-1].from).Seconds(), took.Seconds())
	}
	time.Sleep(time.Second) // calm: the bound is calm's
	c.judgeAnswers()
}

func (c *chaos) begin(f *Fault, r *Replica, bound time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault, c.until = f, bound
	c.spans = append(c.spans, span{fault: f, replica: r, from: time.Now()})
	if c.worst[f.Name] == nil {
		c.worst[f.Name] = &worst{}
	}
	c.worst[f.Name].count++
}

func (c *chaos) end(f *Fault, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault = nil
	c.spans[len(c.spans)-1].to = time.Now()
	c.worst[f.Name].right = max(c.worst[f.Name].right, took)
}

// violated notes what must not be.
func (c *chaos) violated(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if sum, worst := c.stall.since(time.Now().Add(-10 * time.Second)); sum > 0 {
		text += fmt.Sprintf("\nin the last 10 s this process itself waited for a processor for %v, %v at a time", sum.Round(time.Millisecond), worst.Round(time.Millisecond))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong = append(c.wrong, text)
}

func (c *chaos) broken() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.wrong) > 0
}

// traffic lets lines ring, be busy and idle, some thirty changes a second.
func (c *chaos) traffic(ctx context.Context) {
	next := map[device.State]device.State{device.Idle: device.Ringing, device.Ringing: device.Busy, device.Busy: device.Idle}
	r := rand.New(rand.NewPCG(c.o.Seed, 7))
	for sleep(ctx, 30*time.Millisecond) {
		n := c.Numbers[r.IntN(len(c.Numbers))]
		if now := c.PBX.Now(n); !c.quiet.Load() && time.Since(now.At) > 200*time.Millisecond {
			c.PBX.Set(n, next[now.State])
		}
	}
}

// watch looks at every lamp all the time.
func (c *chaos) watch(ctx context.Context) {
	right := map[*Watcher]time.Time{}
	for _, w := range c.Watchers() {
		right[w] = time.Now()
	}
	for sleep(ctx, 50*time.Millisecond) {
		now := time.Now()
		c.mu.Lock()
		f, bound := c.fault, c.until
		c.mu.Unlock()
		for w, last := range right {
			err := w.Right()
			if err == nil {
				right[w] = now
				continue
			}
			if at := w.RightUntil(); at.After(last) {
				last, right[w] = at, at
			}
			d := now.Sub(last)
			if f == nil {
				bound = calm
			} else {
				c.mu.Lock()
				c.worst[f.Name].lamp = max(c.worst[f.Name].lamp, d)
				c.mu.Unlock()
			}
			if d > bound && d > bound+c.stall.patience(last, c.Config.Lease) {
				c.violated("a lamp is wrong for %v: %v: %v\n%s", d, w, err, c.Story(w, now, 15*time.Second))
				return
			}
		}
	}
}

func (c *chaos) watchFeed(ctx context.Context) {
	var l lease
	for sleep(ctx, 100*time.Millisecond) {
		if err := l.look(ctx, c.Fleet); err != nil {
			c.violated("%v", err)
			return
		}
	}
}

// verdict tells how it went.
func (c *chaos) verdict() {
	c.T.Helper()
	for _, v := range c.wrong {
		c.T.Errorf("%s", v)
	}
	stale, overtaken := 0, 0
	for _, w := range c.Watchers() {
		for _, b := range w.Breaches() {
			c.T.Errorf("%v: %s\n%s", w, b, c.Story(w, time.Now(), 20*time.Second))
		}
		all, passed := c.judgeStale(w)
		stale, overtaken = stale+all, overtaken+passed
		c.judgeHistory(w)
		if c.T.Failed() {
			break // one story is enough
		}
	}
	if !c.T.Failed() {
		c.Tidy(20 * time.Second)
	}
	c.T.Logf("%s", c.report(stale, overtaken))
	if c.T.Failed() {
		c.T.Logf("the seed was %d", c.o.Seed)
	}
}

// report are the faults of each kind with their worst times.
func (c *chaos) report(stale, overtaken int) string {
	var b strings.Builder
	notifies := 0
	for _, w := range c.Watchers() {
		notifies += len(w.History())
	}
	fmt.Fprintf(&b, "%d phones took %d NOTIFYs and refused %d that came too late (%d on their way when another replica took over), in %v\n", len(c.Watchers()), notifies, stale, overtaken, time.Since(c.Began).Round(time.Second))
	if sum, worst := c.stall.since(c.Began); sum > 0 {
		fmt.Fprintf(&b, "the machine was busy: this process itself waited for a processor for %v in all, %v at a time\n", sum.Round(time.Millisecond), worst.Round(time.Millisecond))
	}
	if c.late != nil {
		fmt.Fprintf(&b, "the latest answer: %v, %.1f s after the start\n", c.late, c.late.At.Sub(c.Began).Seconds())
	}
	fmt.Fprintf(&b, "%-20s %6s  %18s  %s\n", "fault", "times", "lamp wrong, worst", "all right after the last change, worst (bound)")
	for _, f := range Faults(c.Config.Lease) {
		if x := c.worst[f.Name]; x != nil {
			fmt.Fprintf(&b, "%-20s %6d  %16.2f s  %.2f s (%.1f s)\n", f.Name, x.count, x.lamp.Seconds(), x.right.Seconds(), f.Settle.Seconds())
		}
	}
	return b.String()
}
