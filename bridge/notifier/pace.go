package notifier

import "blfbridge/bridge/subscription"

// A loop has so many NOTIFYs on their way at most of which nothing is known yet: sent and
// neither answered nor sent again. What a burst owes beyond waits here, and goes on when
// half of them are answered, so that the answers find room in the sockets' buffers. Phones
// that do not answer leave the window after 500 ms, and hold up nobody for long.
//
// A restart owes a NOTIFY to every subscription, a PBX that returns to every watcher of
// its lines. SUBSCRIBEs do not wait: whoever sends them is paced by the answers.
type pacer struct {
	fresh int // on their way
	full  bool
	// soft is how many changes may be on their way for now, up to window, and softAt when it
	// became so. While answers keep coming what is sent and what comes back stays within the
	// processor's cache; phones that are far away or dead wait for nobody.
	soft    int
	softAt  int64               // Unix milliseconds
	changed []uint32            // presentities that moved, in order
	waits   map[uint32]struct{} // the same as a set
	owed    []slotRef           // restored subscriptions
}

const (
	// window is for changes, which are urgent; answers to them come spread over many phones.
	window = 2048
	// softWindow of them go at once, and as many again every softStep milliseconds.
	softWindow = 256
	softStep   = 2
	// slowWindow is for restored subscriptions: as many answers as fit the receive buffer
	// that a kernel grants unasked.
	slowWindow = 256
)

// open reports whether there is room for more.
func (p *pacer) open(window int) bool {
	switch {
	case p.fresh >= window:
		p.full = true
	case p.fresh <= window/2:
		p.full = false
	}
	return !p.full
}

// urgent is open for changes. A false one is true again later, though no answer came, if
// soft is below window.
func (p *pacer) urgent(now int64) bool {
	switch {
	case p.fresh <= softWindow/2:
		p.soft, p.softAt = softWindow, now
	case p.full && now-p.softAt >= softStep && p.soft < window:
		p.soft, p.softAt, p.full = p.soft+softWindow, now, false
	}
	return p.open(p.soft)
}

// moved notes presentities; one that waits already shows its last state when its turn comes.
func (p *pacer) moved(ids map[uint32]struct{}) {
	for id := range ids {
		if _, ok := p.waits[id]; !ok {
			p.waits[id] = struct{}{}
			p.changed = append(p.changed, id)
		}
	}
}

// known: a NOTIFY is no longer on its way without a sign.
func (l *loop) known(t *txn) {
	if t.fresh {
		t.fresh = false
		l.pace.fresh--
	}
}

// goOn sends what waits, changes first.
func (l *loop) goOn() {
	p := &l.pace
	for len(p.changed) > 0 && p.urgent(l.now) {
		id := p.changed[0]
		p.changed = p.changed[1:]
		delete(p.waits, id)
		l.changed(id)
	}
	for len(p.owed) > 0 && p.open(slowWindow) {
		r := p.owed[0]
		p.owed = p.owed[1:]
		if e := l.records.at(r.slot); e.used && e.gen == r.gen && !e.ready {
			e.ready = true
			l.advance(r.slot, subscription.Input{Kind: subscription.Granted})
		}
	}
	if len(p.changed) == 0 {
		p.changed = nil
	}
	if len(p.owed) == 0 {
		p.owed = nil
	}
}
