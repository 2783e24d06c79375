package notifier

import (
	"encoding/binary"
	"strings"

	"blfbridge/bridge/subscription"
)

// arena holds the encoded cold parts of a loop's records in large pieces, so that a million
// of them are a few thousand objects to the garbage collector, and none of them is rounded
// up to a size class. What was written once never changes: a string out of it stays good
// for as long as somebody has it. A piece that is mostly dead is moved together.
type arena struct {
	pieces  []piece
	free    []uint32
	current uint32
}

type piece struct {
	text *strings.Builder // of pieceSize; nil = free
	dead int
}

// place is where a record's cold part lies.
type place struct{ piece, offset uint32 }

const (
	pieceSize = 128 << 10
	// textHead is in front of each: the slot of the record, and the length.
	textHead = 4 + 4
)

// put keeps a text for a slot.
func (a *arena) put(slot int32, text string) place {
	size := textHead + len(text)
	if len(a.pieces) == 0 || a.pieces[a.current].text.Cap()-a.pieces[a.current].text.Len() < size {
		a.grow(size)
	}
	b := a.pieces[a.current].text
	at := place{a.current, uint32(b.Len())} //nolint:gosec // pieceSize
	var head [textHead]byte
	binary.LittleEndian.PutUint32(head[:], uint32(slot))       //nolint:gosec // a slot
	binary.LittleEndian.PutUint32(head[4:], uint32(len(text))) //nolint:gosec // bounded by intake
	_, _ = b.Write(head[:])
	_, _ = b.WriteString(text)
	return at
}

// text is what lies at a place; at noPlace nothing.
func (a *arena) text(at place) string {
	if at == noPlace {
		return ""
	}
	s := a.pieces[at.piece].text.String()[at.offset:]
	return s[textHead : textHead+decodeUint32(s[4:])]
}

func (a *arena) grow(size int) {
	text := &strings.Builder{}
	text.Grow(max(pieceSize, size))
	if n := len(a.free); n > 0 {
		a.current, a.free = a.free[n-1], a.free[:n-1]
		a.pieces[a.current] = piece{text: text}
		return
	}
	a.current = uint32(len(a.pieces)) //nolint:gosec // memory ends before
	a.pieces = append(a.pieces, piece{text: text})
}

// drop says that a text is not needed any more; full is true if its piece is worth moving
// together.
func (a *arena) drop(at place) (full bool) {
	dead := textHead + len(a.text(at))
	p := &a.pieces[at.piece]
	p.dead += dead
	return at.piece != a.current && p.dead > p.text.Len()/2
}

// clear gives a piece back, after each has visited what is in it.
func (a *arena) clear(number uint32, each func(slot int32, at place, text string)) {
	all := a.pieces[number].text.String()
	for at := 0; at < len(all); {
		slot := int32(decodeUint32(all[at:])) //nolint:gosec // a slot
		end := at + textHead + int(decodeUint32(all[at+4:]))
		each(slot, place{number, uint32(at)}, all[at+textHead:end]) //nolint:gosec // pieceSize
		at = end
	}
	a.pieces[number] = piece{}
	a.free = append(a.free, number)
}

func decodeUint32(s string) uint32 {
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

// noPlace is no place.
var noPlace = place{piece: 1<<32 - 1}

// keep gives a record another cold part, unless it has that.
func (l *loop) keep(slot int32, c subscription.Cold) {
	e := l.records.at(slot)
	was := l.arena.text(e.at)
	rec := subscription.Of(e.Hot, was)
	if rec.SetCold(c); rec.Encoded() == was {
		return
	}
	l.drop(e.at)
	e.at = l.put(slot, rec.Encoded())
}

// put is arena.put.
func (l *loop) put(slot int32, text string) place {
	l.lastAt = noPlace // which may be used again
	return l.arena.put(slot, text)
}

// drop gives up the place of a cold part; strings out of it stay good.
func (l *loop) drop(at place) {
	if at == noPlace || !l.arena.drop(at) {
		return
	}
	l.arena.clear(at.piece, func(slot int32, was place, text string) {
		if o := l.records.at(slot); o.used && o.at == was && was != at {
			o.at = l.put(slot, text)
		}
	})
}
