package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// farm is all phones, and what they know of the lines.
type farm struct {
	host      string // of every URI
	run       string // tells this run's dialogs from those of another, in Call-IDs
	firstLine int
	expires   time.Duration
	workers   []*worker
	lines     []line
	start     time.Time

	stop      *atomic.Bool // of the phase
	completed atomic.Int64 // SUBSCRIBEs of the phase
	pending   atomic.Int64 // phones that do not show the last changes
	allShown  chan int64   // capacity 1: when pending reached 0
	restored  atomic.Int64 // phones notified since the server's restart
	begun     atomic.Int64 // when that was
	status    atomic.Int32 // the last answer that refused for good
}

// line is a watched line: its changes are counted, an odd number has lit its lamp.
type line struct {
	change atomic.Uint32
	at     atomic.Int64 // of the last change, on the farm's clock
}

// firstLine is the number of the first line.
const firstLine = 100000

// newFarm opens the sockets, to the servers in turns; nobody has subscribed yet.
func newFarm(servers []netip.AddrPort, sockets, lines int, loss float64) (*farm, error) {
	f := &farm{
		host: servers[0].String(), run: "-" + strconv.FormatUint(rand.Uint64()>>24, 36), firstLine: firstLine,
		lines: make([]line, lines), start: time.Now(), allShown: make(chan int64, 1), expires: time.Hour,
	}
	for i := range sockets {
		s, err := openSocket(servers[i%len(servers)])
		if err != nil {
			f.close()
			return nil, err
		}
		f.workers = append(f.workers, &worker{
			farm: f, id: i, sock: s, local: s.local.String(), rand: rand.New(rand.NewPCG(1, uint64(i))), loss: uint32(loss * (1 << 16)),
		})
	}
	return f, nil
}

func (f *farm) close() {
	for _, w := range f.workers {
		w.sock.close()
	}
}

// drops is how many datagrams had no room at the phones' sockets.
func (f *farm) drops() (sum int64) {
	for _, w := range f.workers {
		sum += dropsAt(w.sock.local)
	}
	return sum
}

func (f *farm) clock() int64 { return int64(time.Since(f.start)) }

// lineOf is the number that a subscription watches. A phone's keys are on different lines,
// and every line has equally many watchers.
func (f *farm) lineOf(index int) int { return f.firstLine + index%len(f.lines) }

// grow gives the farm count subscriptions that do not stand yet.
func (f *farm) grow(count int) {
	for i, w := range f.workers {
		w.subs = make([]subscription, (count-i+len(f.workers)-1)/len(f.workers))
	}
}

// failed notes an answer that no phone can do anything about.
func (f *farm) failed(status int) { f.status.Store(int32(status)) }

// shown notes that one phone shows the last change of its line.
func (f *farm) shown(now int64) {
	if f.pending.Add(-1) == 0 {
		select {
		case f.allShown <- now:
		default:
		}
	}
}

// alter notes changes that are about to be made; the server is told next.
func (f *farm) alter(first, count int) (at int64) {
	at = f.clock()
	for i := first; i < first+count; i++ {
		f.lines[i].at.Store(at)
		f.lines[i].change.Add(1)
	}
	return at
}

// watchers is how many standing subscriptions a range of lines has. No phase may run.
func (f *farm) watchers(first, count int) (n int64) {
	for _, w := range f.workers {
		for i := range w.subs {
			if l := (i*len(f.workers) + w.id) % len(f.lines); l >= first && l < first+count && w.subs[i].flags&standing != 0 {
				n++
			}
		}
	}
	return n
}

// count is how many subscriptions test says yes to. No phase may run.
func (f *farm) count(test func(index int, s *subscription) bool) (n int) {
	for _, w := range f.workers {
		for i := range w.subs {
			if test(i*len(f.workers)+w.id, &w.subs[i]) {
				n++
			}
		}
	}
	return n
}

// wrong is how many phones do not show their line's last state. No phase may run.
func (f *farm) wrong() int {
	return f.count(func(i int, s *subscription) bool {
		on := f.lines[i%len(f.lines)].change.Load()&1 == 1
		return s.flags&standing != 0 && on != (s.flags&lit != 0)
	})
}

// ErrStalled: the server stopped answering.
var ErrStalled = errors.New("bench: the server does not answer any more")

// play lets all workers play a phase and waits for its end. during, if set, runs beside
// it, and the phase ends with it.
func (f *farm) play(ctx context.Context, p phase, during func(context.Context) error) (*counters, error) {
	// Each phase has its own: the one that ended may be told so late.
	stop := new(atomic.Bool)
	f.stop = stop
	f.completed.Store(0)
	f.pending.Store(0)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { stop.Store(true) })()
	var wg sync.WaitGroup
	for _, w := range f.workers {
		wg.Go(func() { w.run(p) })
	}
	var err error
	if during != nil {
		err = during(ctx)
		cancel()
	}
	wg.Wait()
	total := new(counters)
	for _, w := range f.workers {
		total.merge(&w.count)
	}
	if err == nil && during == nil {
		err = ctx.Err()
	}
	if status := f.status.Swap(0); err == nil && status != 0 {
		err = fmt.Errorf("bench: SUBSCRIBE is answered with %d", status)
	}
	return total, err
}
