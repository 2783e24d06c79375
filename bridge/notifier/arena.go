package notifier

import (
	"encoding/binary"
	"strings"
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
func (a *arena) put(slot int32, text string) (string, place) {
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
	return b.String()[at.offset+textHead:], at
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
func (a *arena) drop(at place, length int) (full bool) {
	p := &a.pieces[at.piece]
	p.dead += textHead + length
	return at.piece != a.current && p.dead > p.text.Len()/2
}

// clear gives a piece back, after each has visited what is in it.
func (a *arena) clear(number uint32, each func(slot int32, at place)) {
	text := a.pieces[number].text.String()
	for at := 0; at < len(text); {
		slot := int32(decodeUint32(text[at:])) //nolint:gosec // a slot
		each(slot, place{number, uint32(at)})  //nolint:gosec // pieceSize
		at += textHead + int(decodeUint32(text[at+4:]))
	}
	a.pieces[number] = piece{}
	a.free = append(a.free, number)
}

func decodeUint32(s string) uint32 {
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

// keep moves a record's cold part into the arena, unless it lies there as it is.
func (l *loop) keep(slot int32) {
	e := l.records.at(slot)
	text := e.Encoded()
	if e.kept {
		l.unkeep(slot)
	}
	text, e.at = l.arena.put(slot, text)
	e.Move(text)
	e.kept, e.size = true, uint32(len(text)) //nolint:gosec // bounded by intake
}

// unkeep gives up the place of a record's cold part in the arena; the text itself stays good.
func (l *loop) unkeep(slot int32) {
	e := l.records.at(slot)
	if !e.kept {
		return
	}
	e.kept = false
	if !l.arena.drop(e.at, int(e.size)) {
		return
	}
	l.arena.clear(e.at.piece, func(slot int32, at place) {
		o := l.records.at(slot)
		if o.used && o.kept && o.at == at {
			text, now := l.arena.put(slot, o.Encoded())
			o.Move(text)
			o.at = now
		}
	})
}
