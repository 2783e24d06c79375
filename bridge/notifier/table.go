package notifier

// table holds a loop's records in pieces, which stay where they are: one array would be
// copied, and stand in memory twice, again and again while it grows.
type table struct {
	pieces [][]entry
	count  int32 // slots there are, used or free
}

const (
	tableBits  = 8 // of a slot: where it is in its piece
	tablePiece = 1 << tableBits
)

// at is the record in a slot. It stays there as long as the process lives.
func (t *table) at(slot int32) *entry {
	return &t.pieces[slot>>tableBits][slot&(tablePiece-1)]
}

// grow adds a slot.
func (t *table) grow() int32 {
	if int(t.count) == len(t.pieces)<<tableBits {
		t.pieces = append(t.pieces, make([]entry, tablePiece))
	}
	t.count++
	return t.count - 1
}
