package replicatest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	"blfbridge/bridge/siptest"
)

const (
	// answerTime is how long a phone waits for an answer before it asks another replica.
	answerTime = 8 * time.Second
	// moveTime bounds how long a phone tries to refresh, at one replica after the other.
	moveTime = 40 * time.Second
	// refreshEvery is about how often a phone refreshes.
	refreshEvery = 20 * time.Second
	// pingEvery is how often a phone over TCP looks whether its connection lives (RFC 5626
	// §3.5.1); without an answer until the next look it connects anew, elsewhere.
	pingEvery = time.Second
)

// Watcher is a phone that watches one line. It refreshes now and then, at the replica that
// is its home, and at another one if that does not answer; one over TCP connects again as
// soon as its connection is lost.
type Watcher struct {
	// Number is the line.
	Number string
	// TCP: it has a connection, else it sends datagrams.
	TCP bool

	f      *Fleet
	phone  *siptest.Phone
	socket *socket // nil over TCP
	lost   chan struct{}
	done   context.CancelFunc
	wg     sync.WaitGroup
	asking sync.Mutex // one SUBSCRIBE at a time

	mu        sync.Mutex // guards what follows
	home      *Replica
	subs      []*siptest.Subscription // the last one stands
	refreshed []time.Time
	notes     []Mark
	faults    []string
	heard     []Heard
	lates     []Asked
}

// Heard is one NOTIFY that came over the wire, taken or not.
type Heard struct {
	At   time.Time
	From string // the replica's name
	CSeq uint32
}

// Watch lets a phone watch a line at a replica.
func (f *Fleet) Watch(number string, home *Replica, tcp bool) *Watcher {
	f.T.Helper()
	w := &Watcher{Number: number, TCP: tcp, f: f, home: home, lost: make(chan struct{}, 1)}
	c := siptest.Config{User: "phone" + fmt.Sprint(len(f.watchers)), Proxy: home.SIP, TCP: tcp, Domain: "127.0.0.1", Timeout: answerTime, Trace: w.trace, NoMedia: true,
		Listen: net.JoinHostPort(f.Config.here(SidePhones), "0")}
	if tcp {
		c.DialTCP = w.dial
	} else {
		w.socket = newSocket(f.T, f.Wires, f.Config.here(SidePhones), home.SIP)
		c.PacketConn = w.socket
	}
	var err error
	if w.phone, err = siptest.NewPhone(c); err != nil {
		f.T.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.done = cancel
	f.T.Cleanup(w.close)
	if err = w.subscribe(ctx); err == nil {
		_, err = w.Sub().WaitNotify(0, answerTime)
	}
	if err != nil {
		f.T.Fatalf("phone at replica %s: %v", home.Name, err)
	}
	w.wg.Go(func() { w.live(ctx) })
	if tcp {
		w.wg.Go(func() { w.ping(ctx) })
	}
	f.mu.Lock()
	f.watchers = append(f.watchers, w)
	f.mu.Unlock()
	return w
}

// subscribe begins a subscription of its own.
func (w *Watcher) subscribe(ctx context.Context) error {
	sub, err := w.phone.Subscribe(ctx, siptest.SubscribeConfig{Target: w.Number, GapsAllowed: true, Lean: true})
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.subs = append(w.subs, sub)
	return nil
}

// Sub is the strict watch that stands.
func (w *Watcher) Sub() *siptest.Subscription {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.subs[len(w.subs)-1]
}

// History is what all its subscriptions showed, oldest first.
func (w *Watcher) History() (all []siptest.Seen) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.subs {
		all = append(all, s.History()...)
	}
	return all
}

func (w *Watcher) violations() (all []siptest.Violation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.subs {
		all = append(all, s.Violations()...)
	}
	return all
}

func (w *Watcher) close() {
	w.done()
	w.phone.Close()
	w.wg.Wait()
}

// Watchers are all phones.
func (f *Fleet) Watchers() []*Watcher {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]*Watcher(nil), f.watchers...)
}

func (w *Watcher) dial(ctx context.Context, _ string) (net.Conn, error) {
	c, err := dialStream(ctx, w.f.Wires, w.Home().SIP)
	if err != nil {
		return nil, err
	}
	c.ended = w.again
	return c, nil
}

// trace notes every NOTIFY.
func (w *Watcher) trace(at time.Time, sent bool, m *siptest.Message) {
	if sent || m.Method != "NOTIFY" {
		return
	}
	cseq, _ := m.CSeq()
	if strings.HasPrefix(m.Get("Subscription-State"), "terminated") {
		w.again()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard = append(w.heard, Heard{at, w.f.sender(m), cseq})
}

// sender names the replica that sent a request.
func (f *Fleet) sender(m *siptest.Message) string {
	if a := viaAddr(m); a != nil {
		if r := f.At(a.String()); r != nil {
			return r.Name
		}
	}
	return "?"
}

// Home is the replica that the phone sends to.
func (w *Watcher) Home() *Replica {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.home
}

// GoTo lets the phone send to another replica from now on.
func (w *Watcher) GoTo(r *Replica) {
	w.mu.Lock()
	moved := w.home != r
	w.home = r
	w.mu.Unlock()
	if w.socket != nil {
		w.socket.goTo(r.SIP)
	} else if moved {
		w.phone.DropConnection()
	}
}

// live refreshes now and then, until ctx ends.
func (w *Watcher) live(ctx context.Context) {
	for {
		wait := time.NewTimer(refreshEvery/2 + rand.N(refreshEvery))
		select {
		case <-ctx.Done():
			wait.Stop()
			return
		case <-wait.C:
		case <-w.lost:
			wait.Stop()
			select {
			case <-time.After(rand.N(200 * time.Millisecond)):
			case <-ctx.Done():
				return
			}
		}
		if err := w.Refresh(ctx); err != nil && ctx.Err() == nil {
			w.fault("%v", err)
			return
		}
	}
}

// ping notices a connection that hangs.
func (w *Watcher) ping(ctx context.Context) {
	for sleep(ctx, pingEvery) {
		had := w.phone.Pongs()
		if w.phone.Ping() != nil || !sleep(ctx, pingEvery) || w.phone.Pongs() > had {
			continue
		}
		w.GoTo(w.f.another(w.Home()))
		w.again()
	}
}

// again lets the phone refresh soon.
func (w *Watcher) again() {
	select {
	case w.lost <- struct{}{}:
	default:
	}
}

// Refresh refreshes at the phone's home, or where there is an answer. An error says that the
// subscription is lost to the phone.
func (w *Watcher) Refresh(ctx context.Context) error {
	w.asking.Lock()
	defer w.asking.Unlock()
	ctx, cancel := context.WithTimeout(ctx, moveTime)
	defer cancel()
	for {
		var err error
		a := Asked{At: time.Now(), Where: w.Home().Name}
		if last, ok := w.Sub().Last(); ok && last.Substate == "terminated" {
			w.GoTo(w.f.another(w.Home())) // RFC 6665 §4.1.3: deactivated asks for a new subscription
			a.Where = w.Home().Name
			err = w.subscribe(ctx)
		} else {
			err = w.Sub().Refresh(ctx, 600)
		}
		status := siptest.StatusOf(err)
		if a.Took, a.Err = time.Since(a.At), err; err != nil {
			w.note("a refresh at %s: %v", a.Where, err)
		}
		w.late(a)
		switch {
		case err == nil:
			w.mu.Lock()
			w.refreshed = append(w.refreshed, time.Now())
			w.mu.Unlock()
			return nil
		case ctx.Err() != nil, errors.Is(err, siptest.ErrClosed):
			return fmt.Errorf("no refresh in %v: %w", moveTime, err)
		case status == 503 || status == 500:
			w.GoTo(w.f.another(w.Home())) // RFC 3263 §4.3
			if !sleep(ctx, 500*time.Millisecond) {
				return err
			}
		case status != 0:
			return fmt.Errorf("a refresh at replica %s: %w", w.Home().Name, err)
		default:
			w.GoTo(w.f.another(w.Home()))
			if !sleep(ctx, rand.N(100*time.Millisecond)) {
				return err
			}
		}
	}
}

// another is a replica that runs, other than r if there is one.
func (f *Fleet) another(r *Replica) *Replica {
	var can []*Replica
	for _, o := range f.Others(r) {
		if cut, _ := f.Wires.state(o.SIP); o.Runs() && !cut {
			can = append(can, o)
		}
	}
	if len(can) == 0 {
		return r
	}
	return can[rand.N(len(can))]
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// note notes what is of use in a story.
func (w *Watcher) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notes = append(w.notes, Mark{time.Now(), "phone: " + fmt.Sprintf(format, args...)})
}

// fault notes what must not happen to a phone.
func (w *Watcher) fault(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

// Right says what is wrong with the lamp now; nil = nothing.
func (w *Watcher) Right() error {
	want := w.f.PBX.Now(w.Number)
	if got := w.Sub().Lamp(); got != want.State {
		return fmt.Errorf("phone at %s shows %s %v, and it is %v since %v", w.Home().Name, w.Number, got, want.State, time.Since(want.At).Round(time.Millisecond))
	}
	return nil
}

// RightUntil is when the line changed last, if the phone showed until then what it was before;
// else it is the zero time. Who looks now and then would miss that it was right for so short.
func (w *Watcher) RightUntil() time.Time {
	h := w.f.PBX.History(w.Number)
	if len(h) < 2 {
		return time.Time{}
	}
	was, now := h[len(h)-2], h[len(h)-1]
	if seen, ok := w.Sub().Last(); ok && seen.At.Before(now.At) && seen.State() == was.State {
		return now.At
	}
	return time.Time{}
}

// String names the watcher in what is told.
func (w *Watcher) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s watching %s %s", w.phone.User(), w.Number, map[bool]string{true: "over TCP"}[w.TCP]))
}
