package notifier

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/device"
	"blfbridge/bridge/store"
	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lamps are presentities that a test sets by hand.
type lamps struct {
	mu  sync.Mutex
	ids map[compositor.Key]uint32
	all []compositor.Lamp
	n   *Notifier
	off uint64
}

func (p *lamps) Intern(k compositor.Key) uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ids == nil {
		p.ids = map[compositor.Key]uint32{}
	}
	id, ok := p.ids[k]
	if !ok {
		id = uint32(len(p.all))
		p.ids[k] = id
		p.all = append(p.all, compositor.Lamp{State: device.Idle})
	}
	return id
}

func (p *lamps) Lamp(id uint32) compositor.Lamp {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all[id]
}

func (p *lamps) set(number string, s device.State) {
	id := p.Intern(compositor.Key{Line: policy.Line{Tenant: "t", Number: number}})
	p.mu.Lock()
	p.off++
	p.all[id] = compositor.Lamp{State: s, Offset: p.off, At: time.Now()}
	p.mu.Unlock()
	p.n.Changed(compositor.Batch{Presentities: []uint32{id}})
}

// wire is a network in memory: it keeps what was sent.
type wire struct {
	mu   sync.Mutex
	msgs [][]byte
	err  error
}

func (w *wire) Send(_ Flow, msg []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	w.msgs = append(w.msgs, bytes.Clone(msg))
	return nil
}

func (w *wire) setErr(err error) { w.mu.Lock(); w.err = err; w.mu.Unlock() }

func (w *wire) take() [][]byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.msgs
	w.msgs = nil
	return m
}

// rig is a notifier in a bubble of virtual time.
type rig struct {
	t    *testing.T
	n    *Notifier
	p    *lamps
	w    *wire
	stop func()
	tags map[string]string
}

func newRig(t *testing.T, c Config, before ...func(*Notifier)) *rig {
	r := &rig{t: t, p: &lamps{}, w: &wire{}, tags: map[string]string{}}
	c.Lamps, c.Transport = r.p, r.w
	r.n = New(c)
	r.p.n = r.n
	for _, f := range before {
		f(r.n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = r.n.Run(ctx) }()
	r.stop = func() { cancel(); <-done }
	synctest.Wait()
	return r
}

type opt func(*Subscribe)

func stream(s *Subscribe) { s.Flow.Transport = subscription.TCP; s.Cold.Transport = "TCP" }

func (r *rig) subscribe(callID, number string, cseq uint32, expires time.Duration, opts ...opt) Answer {
	r.t.Helper()
	got := r.post(callID, number, cseq, expires, opts...)()
	if len(got) != 1 {
		r.t.Fatalf("%d answers to one SUBSCRIBE", len(got))
	}
	if got[0].LocalTag != "" && expires > 0 {
		r.tags[callID] = got[0].LocalTag
	}
	return got[0]
}

// post sends a SUBSCRIBE; answered tells the answers so far.
func (r *rig) post(callID, number string, cseq uint32, expires time.Duration, opts ...opt) (answered func() []Answer) {
	var mu sync.Mutex
	var got []Answer
	s := r.subscribing(callID, number, cseq, expires)
	s.Answer = func(a Answer) { mu.Lock(); got = append(got, a); mu.Unlock() }
	for _, o := range opts {
		o(s)
	}
	r.n.Subscribe(s)
	synctest.Wait()
	return func() []Answer {
		mu.Lock()
		defer mu.Unlock()
		return got
	}
}

// subscribing is a SUBSCRIBE without Answer.
func (r *rig) subscribing(callID, number string, cseq uint32, expires time.Duration) *Subscribe {
	local, remote := netip.MustParseAddrPort("127.0.0.1:5060"), netip.MustParseAddrPort("127.0.0.1:7000")
	return &Subscribe{
		CallID: callID, RemoteTag: "phone", LocalTag: r.tags[callID], CSeq: cseq, Expires: expires,
		Flow: Flow{subscription.UDP, local, remote},
		Cold: subscription.Cold{
			LocalURI: "<sip:" + number + "@b>", RemoteURI: "<sip:200@b>", RemoteTarget: "sip:200@127.0.0.1:7000",
			Transport: "UDP", Local: local.String(), Remote: remote.String(), Advertised: "127.0.0.1:5060", Entity: "sip:" + number + "@b",
		},
		Watcher:  policy.Watcher{Tenant: "t", ID: "200"},
		Decision: policy.Decision{Outcome: policy.Allowed, View: policy.ViewNumber, Line: policy.Line{Tenant: "t", Number: number}},
		Received: time.Now(),
	}
}

var (
	branchRE  = regexp.MustCompile(`branch=([^;\r]+)`)
	cseqRE    = regexp.MustCompile(`CSeq: (\d+) NOTIFY`)
	versionRE = regexp.MustCompile(`version="(\d+)"`)
	stateRE   = regexp.MustCompile(`<state[^>]*>(\w+)</state>`)
	subRE     = regexp.MustCompile(`Subscription-State: ([^\r]+)`)
)

func find(re *regexp.Regexp, msg []byte) string {
	if m := re.FindSubmatch(msg); m != nil {
		return string(m[1])
	}
	return ""
}

// one expects exactly one NOTIFY on the wire and describes it: "active v=0 terminated".
func (r *rig) one() (desc string, msg []byte) {
	r.t.Helper()
	synctest.Wait()
	msgs := r.w.take()
	if len(msgs) != 1 {
		r.t.Fatalf("%d messages on the wire, want 1:\n%s", len(msgs), bytes.Join(msgs, nil))
	}
	return describe(msgs[0]), msgs[0]
}

func describe(msg []byte) string {
	sub, _, _ := strings.Cut(find(subRE, msg), ";expires")
	return fmt.Sprintf("%s v=%s %s", sub, find(versionRE, msg), find(stateRE, msg))
}

func (r *rig) none() {
	r.t.Helper()
	synctest.Wait()
	if msgs := r.w.take(); len(msgs) != 0 {
		r.t.Fatalf("%d messages on the wire, want none:\n%s", len(msgs), bytes.Join(msgs, nil))
	}
}

func (r *rig) reply(msg []byte, status int) {
	cseq, _ := strconv.Atoi(find(cseqRE, msg))
	r.n.Responses(Response{Branch: ParseBranch(find(branchRE, msg)), CSeq: uint32(cseq), Status: status})
	synctest.Wait()
}

func (r *rig) want(desc string) []byte {
	r.t.Helper()
	got, msg := r.one()
	if got != desc {
		r.t.Fatalf("got %q, want %q\n%s", got, desc, msg)
	}
	return msg
}

func TestLampLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		defer r.stop()
		if a := r.subscribe("c1", "101", 1, 600*time.Second); a.Status != 200 || a.Expires != 600*time.Second || a.LocalTag == "" {
			t.Fatalf("answer %+v", a)
		}
		r.reply(r.want("active v=0 terminated"), 200)
		r.p.set("101", device.Busy)
		r.reply(r.want("active v=1 confirmed"), 200)
		r.p.set("102", device.Busy) // nobody watches it
		r.none()
		if a := r.subscribe("c1", "101", 2, 600*time.Second); a.Status != 200 {
			t.Fatalf("refresh: %+v", a)
		}
		r.reply(r.want("active v=2 confirmed"), 200)
		time.Sleep(598 * time.Second)
		r.none()
		time.Sleep(2100 * time.Millisecond)
		r.reply(r.want("terminated;reason=timeout v=3 confirmed"), 200)
		r.p.set("101", device.Idle)
		r.none()
		if a := r.subscribe("c1", "101", 3, 600*time.Second); a.Status != 481 {
			t.Fatalf("a refresh after the end: %+v, want 481", a)
		}
	})
}

// TestTimers: RFC 3261 §17.1.2.2, timers E and F; the retransmissions are byte-identical.
func TestTimers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		defer r.stop()
		start := time.Now()
		r.subscribe("c1", "101", 1, time.Hour)
		first := r.want("active v=0 terminated")
		var at []time.Duration
		for time.Since(start) < 31900*time.Millisecond {
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
			for _, m := range r.w.take() {
				if !bytes.Equal(m, first) {
					t.Fatalf("retransmission differs:\n%s\n%s", first, m)
				}
				at = append(at, time.Since(start).Round(100*time.Millisecond))
			}
		}
		want := "[500ms 1.5s 3.5s 7.5s 11.5s 15.5s 19.5s 23.5s 27.5s 31.5s]"
		if fmt.Sprint(at) != want {
			t.Errorf("retransmitted at %v, want %s", at, want)
		}
		r.p.set("101", device.Busy) // coalesced behind the outstanding one
		time.Sleep(200 * time.Millisecond)
		second := r.want("active v=1 confirmed") // timer F: the latest state, anew
		r.reply(first, 200)                      // late: nobody's
		r.none()
		r.reply(second, 100)
		time.Sleep(600 * time.Millisecond)
		if n := len(r.w.take()); n != 1 { // timer E as it stood
			t.Fatalf("%d retransmissions, want 1", n)
		}
		time.Sleep(3300 * time.Millisecond)
		r.none() // proceeding: only every T2 from then on
		time.Sleep(32 * time.Second)
		r.w.take()
		time.Sleep(32 * time.Second)
		r.w.take()
		r.p.set("101", device.Idle) // three timeouts: gone
		r.none()
	})
}

func TestSupersede(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		defer r.stop()
		r.subscribe("c1", "101", 1, time.Hour)
		old := r.want("active v=0 terminated")
		r.subscribe("c1", "101", 2, time.Hour)
		fresh := r.want("active v=1 terminated")
		r.reply(old, 481) // of the superseded one: must not end anything
		r.reply(fresh, 200)
		time.Sleep(time.Minute)
		r.none()
		r.p.set("101", device.Busy)
		r.reply(r.want("active v=2 confirmed"), 200)
		r.reply(fresh, 481) // forged or late
		if a := r.subscribe("c1", "101", 3, 0); a.Status != 200 || a.Expires != 0 {
			t.Fatalf("unsubscribe: %+v", a)
		}
		r.reply(r.want("terminated;reason=timeout v=3 confirmed"), 200)
	})
}

func TestStreamFlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		defer r.stop()
		r.subscribe("c1", "101", 1, time.Hour, stream)
		r.reply(r.want("active v=0 terminated"), 200)
		f := Flow{subscription.TCP, netip.MustParseAddrPort("127.0.0.1:5060"), netip.MustParseAddrPort("127.0.0.1:7000")}
		r.w.setErr(ErrNoFlow)
		r.n.FlowClosed(f)
		r.p.set("101", device.Busy)
		time.Sleep(time.Minute)
		r.none()
		r.w.setErr(nil)
		r.n.FlowUp(f)
		msg := r.want("active v=1 confirmed")
		time.Sleep(5 * time.Second)
		r.none() // no timer E on a stream
		r.reply(msg, 200)
		r.w.setErr(ErrNoFlow)
		r.p.set("101", device.Idle)
		r.none()
		r.w.setErr(nil)
		r.subscribe("c1", "101", 2, time.Hour, stream) // the phone is back: same dialog, numbers go on
		r.reply(r.want("active v=2 terminated"), 200)  // what never left used no number
	})
}

// TestReauthorize: forbidden is terminated without a word on the state; a narrower view
// is notified; what is hidden then causes no NOTIFY.
func TestReauthorize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		defer r.stop()
		r.subscribe("c1", "101", 1, time.Hour)
		r.reply(r.want("active v=0 terminated"), 200)
		r.subscribe("c2", "102", 1, time.Hour)
		r.reply(r.want("active v=0 terminated"), 200)
		decide := func(d policy.Decision) {
			t.Helper()
			skip := func(s Standing) bool { return s.Line.Number != "101" }
			if err := r.n.Reauthorize(t.Context(), skip, func(Standing) policy.Decision { return d }); err != nil {
				t.Fatal(err)
			}
		}
		r.p.set("101", device.Ringing)
		r.reply(r.want("active v=1 early"), 200)
		decide(policy.Decision{Outcome: policy.Allowed, View: policy.ViewState})
		r.reply(r.want("active v=2 terminated"), 200)
		r.p.set("101", device.Idle)
		r.p.set("101", device.Ringing)
		r.none()
		decide(policy.Decision{Outcome: policy.Refused})
		_, msg := r.one()
		if find(subRE, msg) != "terminated;reason=rejected" || bytes.Contains(msg, []byte("<")) && bytes.Contains(msg, []byte("dialog-info")) {
			t.Fatalf("got\n%s", msg)
		}
		r.reply(msg, 200)
		r.p.set("102", device.Busy)
		r.reply(r.want("active v=1 confirmed"), 200)
	})
}

// TestStore: a clean stop leaves no gap, a crash never goes back, and the current state
// follows a restart at once.
func TestStore(t *testing.T) {
	path := t.TempDir() + "/blf.db"
	last := 0
	for round, crash := range []bool{false, true, true, false, false} {
		b, err := store.Open(t.Context(), store.Config{Kind: "bolt", Path: path})
		if err != nil {
			t.Fatal(err)
		}
		com := store.NewCommitter(b, store.CommitterConfig{})
		w := &wire{}
		p := &lamps{}
		n := New(Config{Lamps: p, Transport: w, Backend: b, Committer: com, Owner: "test"})
		p.n = n
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = n.Run(ctx) }()
		<-n.Ready()
		if round == 0 {
			answered := make(chan Answer, 1)
			n.Subscribe(&Subscribe{
				CallID: "c", RemoteTag: "r", CSeq: 1, Expires: time.Hour,
				Flow:     Flow{subscription.UDP, netip.MustParseAddrPort("127.0.0.1:5060"), netip.MustParseAddrPort("127.0.0.1:7000")},
				Cold:     subscription.Cold{Transport: "UDP", Local: "127.0.0.1:5060", Remote: "127.0.0.1:7000", RemoteTarget: "sip:a@b", Entity: "sip:101@b"},
				Decision: policy.Decision{Outcome: policy.Allowed, View: policy.ViewNumber, Line: policy.Line{Tenant: "t", Number: "101"}},
				Answer:   func(a Answer) { answered <- a },
			})
			if a := <-answered; a.Status != 200 {
				t.Fatalf("answer %+v", a)
			}
		}
		var msg []byte
		for deadline := time.Now().Add(5 * time.Second); msg == nil; time.Sleep(time.Millisecond) {
			if ms := w.take(); len(ms) > 0 {
				msg = ms[0]
			}
			if time.Now().After(deadline) {
				t.Fatalf("round %d: no NOTIFY", round)
			}
		}
		cseq, _ := strconv.Atoi(find(cseqRE, msg))
		afterCrash := round > 0 && []bool{false, true, true, false, false}[round-1]
		if cseq <= last || !afterCrash && cseq != last+1 {
			t.Fatalf("round %d: CSeq %d after %d", round, cseq, last)
		}
		last = cseq
		n.Responses(Response{Branch: ParseBranch(find(branchRE, msg)), CSeq: uint32(cseq), Status: 200})
		if crash {
			// Nothing of a stop reaches the store: it is closed first.
			if err := com.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			_ = b.Close()
		}
		cancel()
		<-done
		closing, cancel := context.WithTimeout(t.Context(), time.Second)
		_ = com.Close(closing)
		cancel()
		_ = b.Close()
	}
}

func FuzzResponse(f *testing.F) {
	b := string(appendBranch(nil, 1, 77, 3, 1<<60))
	f.Add([]byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=" + b + ";rport\r\nCSeq: 4 NOTIFY\r\n\r\n"))
	f.Add([]byte("SIP/2.0 503 Busy\nv:SIP/2.0/UDP h ; branch=" + b + "\nCSeq:4  NOTIFY\nRetry-After: 5 (soon)\n\n"))
	f.Fuzz(func(t *testing.T, msg []byte) {
		r, ok := ParseResponse(msg)
		if ok && (r.Status < 0 || r.Status > 999 || !r.Branch.ours) {
			t.Fatalf("%+v", r)
		}
	})
}

func TestParseResponse(t *testing.T) {
	b := string(appendBranch(nil, 1, 77, 3, 1<<60))
	want := Branch{ours: true, loop: 1, slot: 77, gen: 3, random: 1 << 60}
	if got := ParseBranch(b); got != want {
		t.Fatalf("branch %s gives %+v", b, got)
	}
	for _, text := range []string{"", "1.2.3", "1.2.3.4.5", "1..3.4", "1.2.3.", "1.2.-3.4", "1.2.3.vvvvvvvvvvvvvv", "1.vvvvvv1.3.4", "vvvv.2.3.4", "1.2.4000000.4", "1.2.3.g000000000000", "1.2.3.w"} {
		if got := ParseBranch(BranchPrefix + text); got != (Branch{ours: true, loop: -1}) {
			t.Errorf("%s gives %+v", text, got)
		}
	}
	if got := ParseBranch(BranchPrefix + "1.2.3vvvvvv.fvvvvvvvvvvvv"); got.gen != 1<<32-1 || got.random != 1<<64-1 {
		t.Errorf("the largest numbers give %+v", got)
	}
	if got := ParseBranch("z9hG4bKx"); got != (Branch{}) {
		t.Errorf("another's branch gives %+v", got)
	}
	via := "Via: SIP/2.0/UDP h:5060;rport=1;branch=" + b + "\r\n"
	for _, c := range []struct {
		msg string
		ok  bool
	}{
		{"SIP/2.0 200 OK\r\n" + via + "CSeq: 4 NOTIFY\r\n\r\n", true},
		{"SIP/2.0 200 OK\r\nv: SIP/2.0/UDP h;branch=" + b + "\r\ncseq: 4 NOTIFY\r\n\r\n", true},
		{"SIP/2.0 200 OK\r\n" + via + "CSeq: 4 SUBSCRIBE\r\n\r\n", false},
		{"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\n" + via + "CSeq: 4 NOTIFY\r\n\r\n", false},
		{"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx, SIP/2.0/UDP h;branch=" + b + "\r\nCSeq: 4 NOTIFY\r\n\r\n", false},
		{"SUBSCRIBE sip:a@b SIP/2.0\r\n" + via + "CSeq: 4 NOTIFY\r\n\r\n", false},
		{"SIP/2.0 200 OK\r\n" + via + "\r\nCSeq: 4 NOTIFY\r\n\r\n", false},
	} {
		if r, ok := ParseResponse([]byte(c.msg)); ok != c.ok || ok && (r.Branch != want || r.CSeq != 4 || r.Status != 200) {
			t.Errorf("got %+v %t for\n%s", r, ok, c.msg)
		}
	}
}

// TestOneCallIDForTwoLines: a phone may use one Call-ID and tag for several lines; and a
// refresh that names another line than it subscribed to is not taken for this one.
func TestOneCallIDForTwoLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{})
		defer r.stop()
		first := r.subscribe("c1", "101", 1, time.Hour)
		r.reply(r.want("active v=0 terminated"), 200)
		delete(r.tags, "c1")
		second := r.subscribe("c1", "102", 2, time.Hour)
		r.reply(r.want("active v=0 terminated"), 200)
		if first.LocalTag == second.LocalTag || second.Status != 200 {
			t.Fatalf("answers %+v and %+v", first, second)
		}
		r.p.set("101", device.Busy)
		r.reply(r.want("active v=1 confirmed"), 200)
		r.p.set("102", device.Busy)
		r.reply(r.want("active v=1 confirmed"), 200)
		r.tags["c1"] = first.LocalTag
		wide := func(s *Subscribe) { s.Decision.View = policy.ViewNumber }
		if a := r.subscribe("c1", "102", 3, time.Hour, wide); a.Status != 481 {
			t.Fatalf("a refresh of 101 that names 102 got %+v", a)
		}
		if a := r.subscribe("c1", "101", 3, time.Hour); a.Status != 200 || a.LocalTag != first.LocalTag {
			t.Fatalf("refresh of 101: %+v", a)
		}
		r.reply(r.want("active v=2 confirmed"), 200)
		r.tags["c1"] = second.LocalTag
		if a := r.subscribe("c1", "102", 3, time.Hour); a.Status != 200 || a.LocalTag != second.LocalTag {
			t.Fatalf("refresh of 102: %+v", a)
		}
		r.reply(r.want("active v=2 confirmed"), 200)
	})
}
