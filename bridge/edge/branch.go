package edge

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/sipmsg"
)

// branchPrefix begins the branch of every Via that we add: RFC 3261 §8.1.1.7's cookie
// and our mark.
const branchPrefix = "z9hG4bKblfe"

// branch is the branch parameter of our Via. RFC 3261 §16.11: it is a function of the
// request as it came, so that whoever relays a retransmission, a CANCEL or the ACK of a
// refusal, even another process after a restart, writes the same; and it holds the flow
// that responses go back to.
type branch struct {
	flow    notifier.Flow // of the request
	attempt byte          // counts the PBXs tried, below 16
	mac     uint64        // names the transaction
	loop    uint32        // RFC 3261 §16.6 step 8: what may not come twice
}

// maxBranch bounds a branch's bytes, over IPv6.
const maxBranch = 37 + 12

// keyOf names the transaction of a request, or of a response by the Via below ours: the
// same for an INVITE, its CANCEL and the ACK of its refusal (RFC 3261 §17.2.3), also with
// a sender that knows no unique branches (§16.11).
func (k sipKey) keyOf(f notifier.Flow, m *sipmsg.Message, via *sipmsg.TopVia) uint64 {
	var space [48]byte
	b := appendFlow(space[:0], f, 0)
	b = binary.BigEndian.AppendUint32(b, m.CSeqNumber)
	return k.sum(b, via.Branch, m.Value(sipmsg.CallID), sipmsg.Tag(m.Value(sipmsg.From)))
}

// loopOf hashes what makes a request that comes again a loop and not a spiral (RFC 3261
// §16.6 step 8): CANCEL and the ACK of a refusal have the same.
func (k sipKey) loopOf(m *sipmsg.Message) uint32 {
	return uint32(k.sum(m.At(m.URI), m.Value(sipmsg.Route), m.Value(sipmsg.CallID), sipmsg.Tag(m.Value(sipmsg.From))))
}

// append writes the branch parameter's value.
func (b *branch) append(dst []byte) []byte {
	var space [maxBranch]byte
	p := appendFlow(space[:0], b.flow, b.attempt)
	p = binary.BigEndian.AppendUint64(p, b.mac)
	p = binary.BigEndian.AppendUint32(p, b.loop)
	return base64.RawURLEncoding.AppendEncode(append(dst, branchPrefix...), p)
}

// readBranch is the inverse of append; false for a branch that is not ours. Whether it is
// genuine shows by its mac.
func readBranch(text []byte) (b branch, ok bool) {
	text, ok = bytes.CutPrefix(text, []byte(branchPrefix))
	var space [maxBranch + 3]byte
	if !ok || base64.RawURLEncoding.DecodedLen(len(text)) > maxBranch {
		return b, false
	}
	n, err := base64.RawURLEncoding.Decode(space[:], text)
	if err != nil {
		return b, false
	}
	var rest []byte
	if b.flow, b.attempt, rest, ok = readFlow(space[:n]); !ok || len(rest) != 12 {
		return b, false
	}
	b.mac, b.loop = binary.BigEndian.Uint64(rest), binary.BigEndian.Uint32(rest[8:])
	return b, true
}
