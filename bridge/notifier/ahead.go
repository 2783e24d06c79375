package notifier

// Among many subscriptions every record is a wait for memory: its entry first, and when
// that is there, its cold part. Those that come next are looked at together before they
// are worked on, so that the processor waits for several of them at once.
const (
	// aheadSlots are looked at together; what they are fits the nearest cache.
	aheadSlots = 16
	cacheLine  = 64
	// aheadText of a cold part, which is most of it or all.
	aheadText = 6 * cacheLine
)

// aheadOf looks at records that are worked on next.
func (l *loop) aheadOf(slots []int32) {
	var sum uint32
	for _, s := range slots {
		e := l.records.at(s)
		sum += uint32(e.CSeq) + e.gen + uint32(e.armed)
	}
	for _, s := range slots {
		sum += l.arena.ahead(l.records.at(s).at)
	}
	l.touched = sum // else the compiler leaves it all out
}

// aheadOfAnswers looks at what answers belong to.
func (l *loop) aheadOfAnswers(answers []Response) {
	var sum uint32
	for i := range answers {
		if ti := answers[i].Branch.slot; int(ti) < len(l.txns) {
			sum += l.txns[ti].gen
		}
	}
	for i := range answers {
		if ti := answers[i].Branch.slot; int(ti) < len(l.txns) {
			e := l.records.at(l.txns[ti].rec)
			sum += e.CSeq + e.gen + uint32(e.armed)
		}
	}
	l.touched = sum
}

// ahead looks at a text that is read next.
func (a *arena) ahead(at place) (sum uint32) {
	if at == noPlace {
		return 0
	}
	s := a.pieces[at.piece].text.String()[at.offset:]
	for i := 0; i < len(s) && i < aheadText; i += cacheLine {
		sum += uint32(s[i])
	}
	return sum
}
