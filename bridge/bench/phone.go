package bench

import (
	"strconv"
	"time"
)

// batch is how many datagrams are moved at once.
const batch = 64

// slotSize holds the largest message: NOTIFYs of UDP stay below 1500 bytes.
const slotSize = 4096

// subscription is one BLF key of a phone: what its dialog needs and what was last seen.
// It holds no pointer: there may be millions.
type subscription struct {
	sent     int64  // when the outstanding SUBSCRIBE was first sent, nanoseconds of the farm's clock
	began    int64  // when its last try was, after a 503
	cseq     uint32 // of our last SUBSCRIBE
	notified uint32 // CSeq of the last NOTIFY
	version  uint32 // of the last document
	seen     uint32 // the line's last change that was shown
	expires  uint32 // asked for
	branch   uint32 // a hash of that of the last NOTIFY
	tries    uint8
	flags    uint8
	tagLen   uint8
	tag      [61]byte // the server's
}

const (
	waits200    = 1 << iota // the SUBSCRIBE is not answered
	waitsNotify             // the NOTIFY it is owed has not come
	standing                // accepted and not ended
	lit                     // the lamp that is shown
	versioned               // a document came
	mayJump                 // the server was restarted: the next version may be higher
	backsOff                // refused for now: waits for its next try
)

// keys is how many lines one phone watches.
const keys = 20

// appendSubscribe writes the SUBSCRIBE of sub, the one numbered index in all.
func (w *worker) appendSubscribe(b []byte, index int, sub *subscription) []byte {
	f := w.farm
	line := f.lineOf(index)
	b = append(b, "SUBSCRIBE sip:"...)
	b = strconv.AppendInt(b, int64(line), 10)
	b = append(b, '@')
	b = append(b, f.host...)
	b = append(b, " SIP/2.0\r\nVia: SIP/2.0/UDP "...)
	b = append(b, w.local...)
	b = append(b, ";rport;branch="+ours...)
	b = strconv.AppendInt(b, int64(index), 10)
	b = append(b, '.')
	b = strconv.AppendUint(b, uint64(sub.cseq), 10)
	b = append(b, f.run...)
	b = append(b, "\r\nMax-Forwards: 70\r\nFrom: <sip:"...)
	b = strconv.AppendInt(b, int64(f.firstLine+index/keys), 10)
	b = append(b, '@')
	b = append(b, f.host...)
	b = append(b, ">;tag=p"...)
	b = strconv.AppendInt(b, int64(index), 10)
	b = append(b, "\r\nTo: <sip:"...)
	b = strconv.AppendInt(b, int64(line), 10)
	b = append(b, '@')
	b = append(b, f.host...)
	b = append(b, '>')
	if sub.tagLen > 0 {
		b = append(b, ";tag="...)
		b = append(b, sub.tag[:sub.tagLen]...)
	}
	b = append(b, "\r\nCall-ID: "...)
	b = strconv.AppendInt(b, int64(index), 10)
	b = append(b, f.run...)
	b = append(b, "@phone\r\nCSeq: "...)
	b = strconv.AppendUint(b, uint64(sub.cseq), 10)
	b = append(b, " SUBSCRIBE\r\nContact: <sip:"...)
	b = strconv.AppendInt(b, int64(index), 10)
	b = append(b, '@')
	b = append(b, w.local...)
	b = append(b, ">\r\nEvent: dialog\r\nAccept: application/dialog-info+xml\r\nUser-Agent: blfbridge-bench\r\nExpires: "...)
	b = strconv.AppendUint(b, uint64(sub.expires), 10)
	return append(b, "\r\nContent-Length: 0\r\n\r\n"...)
}

// appendOK writes the 200 to a NOTIFY.
func appendOK(b []byte, h *head) []byte {
	b = append(b, "SIP/2.0 200 OK\r\n"...)
	b = append(b, h.via...)
	b = append(b, h.from...)
	b = append(b, h.to...)
	b = append(b, h.call...)
	b = append(b, h.cseqs...)
	return append(b, "Content-Length: 0\r\n\r\n"...)
}

// The retransmission of a non-INVITE request (RFC 3261 §17.1.2.1).
const (
	t1     = 500 * time.Millisecond
	t2     = 4 * time.Second
	timerF = 64 * t1
)

// again is how long after its tries-th sending a request is sent again.
func again(tries uint8) time.Duration { return min(t1<<min(tries, 4), t2) }

// alarm is a moment at which a subscription is looked at again.
type alarm struct {
	at    int64
	local int32
	cseq  uint32
}

// alarms is a heap, the earliest first.
type alarms []alarm

func (a *alarms) push(x alarm) {
	*a = append(*a, x)
	h := *a
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if h[up].at <= h[i].at {
			return
		}
		h[up], h[i] = h[i], h[up]
		i = up
	}
}

func (a *alarms) pop() alarm {
	h := *a
	first, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	for i := 0; ; {
		least := i
		for _, c := range [...]int{2*i + 1, 2*i + 2} {
			if c < last && h[c].at < h[least].at {
				least = c
			}
		}
		if least == i {
			*a = h
			return first
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}
