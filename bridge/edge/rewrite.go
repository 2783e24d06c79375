package edge

import (
	"strconv"
	"time"

	"blfbridge/bridge/sipmsg"
)

// edit replaces a piece of a message.
type edit struct {
	at   sipmsg.Span
	text sipmsg.Span // in work.texts
}

// work is what handling one message needs; it is used again.
type work struct {
	msg   sipmsg.Message
	via   sipmsg.TopVia
	edits []edit
	// texts holds what edits put in, and what is put before the first header line and
	// behind the last.
	texts      []byte
	head, tail sipmsg.Span
	// headAt is where head stands in what write made.
	headAt sipmsg.Span
	out    []byte
	// waited: the request was held, until patience at most.
	waited   bool
	patience time.Time
}

func (w *work) reset() {
	w.edits, w.texts, w.out = w.edits[:0], w.texts[:0], w.out[:0]
	w.head, w.tail = sipmsg.Span{}, sipmsg.Span{}
	w.waited, w.patience = false, time.Time{}
}

// replace notes an edit whose text runs from the given length of texts to its end. What is
// put in stands before what is taken out at the same place.
func (w *work) replace(at sipmsg.Span, from int) {
	e := edit{at, sipmsg.Span{Start: from, End: len(w.texts)}}
	i := len(w.edits)
	for i > 0 && (w.edits[i-1].at.Start > at.Start ||
		w.edits[i-1].at.Start == at.Start && at.Start == at.End && w.edits[i-1].at.End > at.End) {
		i--
	}
	w.edits = append(w.edits, edit{})
	copy(w.edits[i+1:], w.edits[i:])
	w.edits[i] = e
}

// remove takes a piece out.
func (w *work) remove(at sipmsg.Span) { w.replace(at, len(w.texts)) }

// write makes the message anew: its first line, head, the header lines with the edits,
// tail, the rest. The result is good until the next reset.
func (w *work) write() []byte {
	m, b := &w.msg, w.out[:0]
	at := 0
	copyTo := func(end int) {
		for len(w.edits) > 0 && w.edits[0].at.Start < end {
			e := w.edits[0]
			b = append(b, m.Raw[at:e.at.Start]...)
			b = append(b, w.texts[e.text.Start:e.text.End]...)
			at = e.at.End
			w.edits = w.edits[1:]
		}
		b = append(b, m.Raw[at:end]...)
		at = end
	}
	edits := w.edits
	copyTo(m.Start)
	w.headAt.Start = len(b)
	b = append(b, w.texts[w.head.Start:w.head.End]...)
	w.headAt.End = len(b)
	copyTo(m.End - 2)
	b = append(b, w.texts[w.tail.Start:w.tail.End]...)
	copyTo(len(m.Raw))
	w.edits = edits
	w.out = b
	return b
}

// spend counts Max-Forwards down, or begins with 70 (RFC 3261 §16.6 step 3). It returns
// the status that refuses the request, 0 if none.
func (w *work) spend() int {
	from := len(w.texts)
	h := w.msg.First(sipmsg.MaxForwards)
	if h.Kind != sipmsg.MaxForwards {
		w.texts = append(w.texts, "Max-Forwards: 70\r\n"...)
		w.replace(sipmsg.Span{Start: w.msg.Start, End: w.msg.Start}, from)
		return 0
	}
	n, ok := sipmsg.Uint(w.msg.At(h.Value), 255)
	switch {
	case !ok:
		return 400
	case n == 0:
		return 483
	}
	w.texts = strconv.AppendUint(w.texts, n-1, 10)
	w.replace(h.Value, from)
	return 0
}
