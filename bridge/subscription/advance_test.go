package subscription

import (
	"math/rand/v2"
	"testing"

	"blfbridge/policy"
)

// owner plays the part of a notifier: it carries effects out as the contract says, and
// keeps what a strict phone and the store would see.
type owner struct {
	t     *testing.T
	u     Rules
	r     Record
	now   int64
	state uint64 // what the presentity shows

	stored            Record
	inStore           bool
	cseq              uint32 // highest CSeq and version on the wire, +1
	version           uint32
	shown             uint64 // last hash on the wire
	outstanding, over bool
	removed           bool
	notifies          int
	pace, free        int64 // the phone takes a NOTIFY every pace, the next at free
}

func (o *owner) step(in Input) Effects {
	in.Now, in.Hash, in.Turn = o.now, o.state, o.free
	var e Effects
	o.r, e = o.u.Advance(o.r, in)
	if e.Cancel {
		o.outstanding = false
	}
	if e.Forget {
		o.inStore = false
	} else if e.Persist {
		b, _ := o.r.AppendBinary(nil)
		o.stored, _ = Decode(b)
		o.inStore = true
	}
	if e.Notify {
		o.notifies++
		if o.over {
			o.t.Fatalf("a NOTIFY after terminated")
		}
		if o.outstanding {
			o.t.Fatalf("a second NOTIFY while one is outstanding")
		}
		if e.CSeq < o.cseq || e.Version < o.version {
			o.t.Fatalf("CSeq %d version %d, but %d and %d are used", e.CSeq, e.Version, o.cseq, o.version)
		}
		if o.inStore && (e.CSeq >= o.stored.CSeqLimit || e.Version >= o.stored.VersionLimit) {
			o.t.Fatalf("CSeq %d version %d were not reserved (%d, %d)", e.CSeq, e.Version, o.stored.CSeqLimit, o.stored.VersionLimit)
		}
		o.cseq, o.version, o.shown, o.outstanding = e.CSeq+1, e.Version+1, o.state, true
		o.over = o.r.Status == Terminated
		if o.now < o.free {
			o.t.Fatalf("a NOTIFY %d ms before the phone takes it", o.free-o.now)
		}
		o.free = o.now + o.pace
	}
	if e.Paced && (e.Notify || o.now >= o.free || o.r.NotBefore != o.free) {
		o.t.Fatalf("held back until %d; the phone's turn is at %d", o.r.NotBefore, o.free)
	}
	o.removed = o.removed || e.Remove
	if e.Answer == 200 {
		o.step(Input{Kind: Granted})
	}
	return e
}

// TestAdvanceProperties drives random histories and checks what must always hold:
// numbers only rise (across crashes too), nothing follows terminated, one NOTIFY is
// outstanding at most, and a quiet subscription has shown the current state.
func TestAdvanceProperties(t *testing.T) {
	codes := []int{200, 200, 200, 202, NoAnswer, 500, 503, 408, 481}
	crashes, ends := 0, 0
	for seed := range uint64(3000) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		u := DefaultRules
		u.Block = 8
		u.MinInterval = []int64{0, 0, 200}[rnd.IntN(3)]
		o := &owner{t: t, u: u, r: New(Hot{}, Cold{}), now: 1_000_000, state: 1, pace: []int64{0, 0, 3000}[rnd.IntN(3)]}
		cseq := uint32(rnd.IntN(100))
		o.step(Input{Kind: Opened, CSeq: cseq, Lifetime: 600_000, Durable: true})
		for range 120 {
			if o.removed {
				ends++
				break
			}
			o.now += rnd.Int64N(2000)
			switch k := rnd.IntN(20); {
			case k < 8:
				o.state = uint64(1 + rnd.IntN(3))
				o.step(Input{Kind: Changed})
			case k < 14:
				if o.outstanding {
					o.outstanding = false
					in := Input{Kind: Answered, Code: codes[rnd.IntN(len(codes))]}
					if in.Code == 503 && rnd.IntN(2) == 0 {
						in.RetryAfter = 1000
					}
					o.step(in)
				}
			case k < 16:
				if o.r.Status == Active {
					cseq++
					o.step(Input{Kind: Refreshed, CSeq: cseq, Lifetime: []int64{600_000, 600_000, 0}[rnd.IntN(3)], Durable: true})
				}
			case k < 17:
				if o.r.Deadline() <= o.now && !o.over {
					o.step(Input{Kind: Ticked})
				}
			case k < 18:
				o.step(Input{Kind: Reauthorized, Allowed: rnd.IntN(6) > 0, View: policy.ViewNumber})
			case k < 19:
				o.outstanding = false
				o.step(Input{Kind: FlowDown, Closed: rnd.IntN(2) == 0})
				if !o.removed {
					o.step(Input{Kind: FlowUp})
				}
			default:
				if !o.inStore {
					continue
				}
				crashes++
				clean := rnd.IntN(2) == 0
				if clean {
					o.r.Seal()
					b, _ := o.r.AppendBinary(nil)
					o.stored, _ = Decode(b)
				}
				before := o.r.CSeq
				o.r, o.outstanding = o.stored, false
				o.step(Input{Kind: Restored})
				if o.removed {
					break
				}
				if clean && o.r.CSeq != before {
					t.Fatalf("seed %d: a clean restart left a gap: CSeq %d, want %d", seed, o.r.CSeq, before)
				}
				o.step(Input{Kind: Granted})
			}
		}
		// Let it come to rest: every timer fires, every NOTIFY is taken.
		for i := 0; i < 20 && !o.removed; i++ {
			if o.outstanding {
				o.outstanding = false
				o.step(Input{Kind: Answered, Code: 200})
			} else if d := o.r.Deadline(); d < o.r.Expires || o.r.Status == Terminated {
				o.now = max(o.now, d)
				o.step(Input{Kind: Ticked})
			}
		}
		if !o.removed && o.r.Status == Active && (o.outstanding || o.shown != o.state) {
			t.Fatalf("seed %d: at rest it shows %d, the state is %d (outstanding %t)", seed, o.shown, o.state, o.outstanding)
		}
		if !o.removed && o.r.Status == Terminated {
			t.Fatalf("seed %d: the last NOTIFY waits for ever", seed)
		}
	}
	if crashes < 1000 || ends < 300 {
		t.Fatalf("the histories are too tame: %d restarts, %d ends", crashes, ends)
	}
}

func opened(t *testing.T) *owner {
	o := &owner{t: t, u: DefaultRules, r: New(Hot{}, Cold{}), now: 1_000_000, state: 1}
	if e := o.step(Input{Kind: Opened, CSeq: 1, Lifetime: 600_000, Durable: true}); e.Answer != 200 || !e.Persist {
		t.Fatalf("opened: %+v", e)
	}
	return o
}

func (o *owner) answer(code int) Effects {
	o.outstanding = false
	return o.step(Input{Kind: Answered, Code: code})
}

func TestCoalescing(t *testing.T) {
	o := opened(t)
	for s := uint64(2); s < 10; s++ {
		o.state = s
		if e := o.step(Input{Kind: Changed}); e.Notify {
			t.Fatal("notified while one was outstanding")
		}
	}
	if e := o.answer(200); !e.Notify || o.shown != 9 {
		t.Fatalf("the last state must follow the answer: %+v shows %d", e, o.shown)
	}
	if e := o.answer(200); e.Notify {
		t.Fatal("notified without a change")
	}
	// There and back while outstanding: nothing to tell.
	o.state = 1
	o.step(Input{Kind: Changed})
	o.state = 2
	o.step(Input{Kind: Changed})
	o.state = 1
	if e := o.answer(200); e.Notify {
		t.Fatal("notified a state that the phone shows already")
	}
}

func TestThreeTimeouts(t *testing.T) {
	o := opened(t)
	for i := range 2 {
		o.state++
		if e := o.answer(NoAnswer); !e.Notify || o.shown != o.state || e.Remove {
			t.Fatalf("timeout %d: want the latest state again, got %+v", i+1, e)
		}
	}
	if e := o.answer(NoAnswer); !e.Remove || !e.Forget || e.Notify {
		t.Fatalf("third timeout: want the end, got %+v", e)
	}
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		code       int
		retryAfter int64
		remove     bool
	}{
		{481, 0, true}, {489, 0, true}, {404, 0, true}, {500, 0, false}, {503, 2000, false}, {415, 0, false}, {401, 0, false},
	} {
		o := opened(t)
		o.outstanding = false
		e := o.step(Input{Kind: Answered, Code: c.code, RetryAfter: c.retryAfter})
		if e.Remove != c.remove {
			t.Errorf("%d: removed %t, want %t", c.code, e.Remove, c.remove)
		}
		if c.retryAfter > 0 && o.r.Deadline() != o.now+c.retryAfter {
			t.Errorf("%d: next try at %d, want after %d ms", c.code, o.r.Deadline()-o.now, c.retryAfter)
		}
	}
}

func TestEnds(t *testing.T) {
	t.Run("expiry", func(t *testing.T) {
		o := opened(t)
		o.answer(200)
		o.now = o.r.Expires
		e := o.step(Input{Kind: Ticked})
		if !e.Notify || !e.Forget || o.r.Reason != Timeout {
			t.Fatalf("got %+v reason %s", e, o.r.Reason)
		}
		if e := o.answer(200); !e.Remove {
			t.Fatal("not removed after its last answer")
		}
	})
	t.Run("an answer between unsubscribing and its 200", func(t *testing.T) {
		o := opened(t)
		o.now += 10
		var e Effects
		o.r, e = o.u.Advance(o.r, Input{Kind: Refreshed, Now: o.now, CSeq: 2, Durable: true})
		if e.Answer != 200 || !e.Forget {
			t.Fatalf("got %+v", e)
		}
		if e := o.answer(200); e.Remove {
			t.Fatal("removed before its last NOTIFY")
		}
		if e := o.step(Input{Kind: Granted}); !e.Notify || !o.over {
			t.Fatalf("got %+v, want the NOTIFY that says terminated", e)
		}
	})
	t.Run("expired while the process was away", func(t *testing.T) {
		o := opened(t)
		stored := o.stored
		o.r, o.outstanding, o.now = stored, false, stored.Expires
		if e := o.step(Input{Kind: Restored}); e.Remove || !e.Forget {
			t.Fatalf("got %+v", e)
		}
		if e := o.step(Input{Kind: Granted}); !e.Notify || !o.over {
			t.Fatalf("got %+v, want the NOTIFY that says terminated, and no other", e)
		}
		o.r, o.now = stored, stored.Expires+24*3600_000
		if e := o.step(Input{Kind: Restored}); !e.Remove || !e.Forget {
			t.Fatalf("a day later: got %+v", e)
		}
	})
	t.Run("forbidden before its 200 has left", func(t *testing.T) {
		o := &owner{t: t, u: DefaultRules, r: New(Hot{}, Cold{}), now: 1, state: 1}
		o.r, _ = o.u.Advance(o.r, Input{Kind: Opened, Now: 1, CSeq: 1, Lifetime: 600_000, Durable: true})
		if e := o.step(Input{Kind: Reauthorized, Early: true}); e.Notify || !e.Forget {
			t.Fatalf("got %+v, want no NOTIFY before the 200", e)
		}
		if e := o.step(Input{Kind: Granted}); !e.Notify || o.r.Reason != Rejected {
			t.Fatalf("got %+v reason %s", e, o.r.Reason)
		}
	})
	t.Run("fetch", func(t *testing.T) {
		o := &owner{t: t, u: DefaultRules, r: New(Hot{}, Cold{}), now: 1, state: 1}
		if e := o.step(Input{Kind: Opened, CSeq: 1, Durable: true}); e.Persist || e.Answer != 200 {
			t.Fatalf("got %+v", e)
		}
		if !o.over || o.notifies != 1 {
			t.Fatal("a fetch gets one NOTIFY, terminated")
		}
	})
	t.Run("rejected", func(t *testing.T) {
		o := opened(t)
		if e := o.step(Input{Kind: Reauthorized}); !e.Notify || !e.Cancel || o.r.Reason != Rejected {
			t.Fatalf("got %+v reason %s", e, o.r.Reason)
		}
	})
	t.Run("store away", func(t *testing.T) {
		o := &owner{t: t, u: DefaultRules, r: New(Hot{}, Cold{}), now: 0, state: 1}
		o.step(Input{Kind: Opened, CSeq: 1, Lifetime: 3_600_000})
		if o.r.Expires != 120_000 || o.r.Flags&NonDurable == 0 {
			t.Fatalf("granted until %d, flags %b", o.r.Expires, o.r.Flags)
		}
	})
	t.Run("stale CSeq", func(t *testing.T) {
		o := opened(t)
		o.step(Input{Kind: Refreshed, CSeq: 5, Lifetime: 60_000, Durable: true})
		if e := o.step(Input{Kind: Refreshed, CSeq: 4, Lifetime: 60_000, Durable: true}); e.Answer != 500 || e.Notify {
			t.Fatalf("got %+v", e)
		}
	})
}

// TestFlowClosed: a closed connection is opened again when there is something to send, but
// not for ever to a peer that closes it each time.
func TestFlowClosed(t *testing.T) {
	o := opened(t)
	o.answer(200)
	if e := o.step(Input{Kind: FlowDown, Closed: true}); e.Notify {
		t.Fatalf("got %+v, want nothing: the phone has seen all there is", e)
	}
	o.state = 2
	if e := o.step(Input{Kind: Changed}); !e.Notify {
		t.Fatalf("got %+v, want a NOTIFY for which the connection is opened", e)
	}
	for i := range int(o.u.MaxFailures) {
		o.outstanding = false
		e := o.step(Input{Kind: FlowDown, Closed: true})
		if last := i == int(o.u.MaxFailures)-1; e.Notify == last || !e.Cancel {
			t.Fatalf("closed %d times: got %+v", i+1, e)
		}
	}
	if e := o.step(Input{Kind: FlowUp}); !e.Notify || o.shown != 2 {
		t.Fatalf("got %+v shows %d, want the latest state", e, o.shown)
	}
}

// TestFollows: a record is told from the one that it was when it was stored and taken by
// another process, but not from one that has come back from there.
func TestFollows(t *testing.T) {
	o := opened(t)
	for range 3 * DefaultRules.Block {
		o.state++
		o.answer(200)
		if o.r.Follows(&o.stored.Hot) {
			t.Fatalf("CSeq %d follows itself, stored with the limit %d", o.r.CSeq, o.stored.CSeqLimit)
		}
	}
	taken, stays := o.stored, o.r
	elsewhere, _ := o.u.Advance(taken, Input{Kind: Restored, Now: o.now})
	if back, _ := o.u.Advance(elsewhere, Input{Kind: Restored, Now: o.now}); !back.Follows(&taken.Hot) || !elsewhere.Follows(&taken.Hot) {
		t.Error("what came back is not told from what went")
	}
	if stays.Follows(&taken.Hot) {
		t.Error("what went counts as back")
	}
	sealed := taken
	sealed.Seal()
	elsewhere, _ = o.u.Advance(sealed, Input{Kind: Restored, Now: o.now})
	if back, _ := o.u.Advance(elsewhere, Input{Kind: Restored, Now: o.now}); !back.Follows(&sealed.Hot) {
		t.Error("what came back is not told from what went sealed")
	}
}
