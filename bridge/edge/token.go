package edge

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"sync"

	"blfbridge/bridge/notifier"
)

// Kinds of tokens.
const (
	pathToken   byte = 1 + iota // in a Path: to the phone
	callerToken                 // in a Record-Route: the phone made the dialog
	calleeToken                 // in a Record-Route: the PBX made the dialog
)

// token is the user part of the Path and Record-Route URIs that we write (RFC 5626 §5.2):
// all that is needed to find the way again, without anything being remembered.
type token struct {
	kind byte
	// flow is the phone's, conn which connection of that flow (0 over UDP).
	flow  notifier.Flow
	conn  uint32
	phone phoneID
	// pbx and tag belong to dialogs: whose they are, and a hash of the From tag of the
	// request that made it, which tells the directions apart.
	pbx, tag uint32
}

// macSize: RFC 5626 §5.2 has 80 bits in its example.
const macSize = 10

// maxToken bounds a token's bytes, over IPv6.
const maxToken = 1 + 37 + 4 + 12 + 8 + macSize

// sealer makes and opens tokens. It is safe for concurrent use.
type sealer struct{ macs sync.Pool }

func newSealer(key []byte) *sealer {
	return &sealer{sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

func (s *sealer) mac(dst, b []byte) []byte {
	h := s.macs.Get().(hash.Hash)
	h.Reset()
	_, _ = h.Write(b)
	dst = h.Sum(dst)
	s.macs.Put(h)
	return dst
}

// seal appends the text of a token.
func (s *sealer) seal(dst []byte, t *token) []byte {
	var space [maxToken + sha256.Size]byte
	b := appendFlow(space[:0], t.flow, t.kind)
	b = binary.BigEndian.AppendUint32(b, t.conn)
	b = binary.BigEndian.AppendUint64(b, t.phone.aor)
	b = binary.BigEndian.AppendUint32(b, t.phone.instance)
	if t.kind != pathToken {
		b = binary.BigEndian.AppendUint32(b, t.pbx)
		b = binary.BigEndian.AppendUint32(b, t.tag)
	}
	n := len(b)
	b = s.mac(b, b)[:n+macSize]
	return base64.RawURLEncoding.AppendEncode(dst, b)
}

// open reads a token's text; false for whatever we did not make.
func (s *sealer) open(text []byte) (t token, ok bool) {
	var space [maxToken + 3]byte
	if base64.RawURLEncoding.DecodedLen(len(text)) > maxToken {
		return t, false
	}
	n, err := base64.RawURLEncoding.Decode(space[:], text)
	if err != nil || n <= macSize {
		return t, false
	}
	b := space[:n-macSize]
	var rest []byte
	if t.flow, t.kind, rest, ok = readFlow(b); !ok || t.kind < pathToken || t.kind > calleeToken {
		return t, false
	}
	if want := 16 + 8*btoi(t.kind != pathToken); len(rest) != want {
		return t, false
	}
	var sum [sha256.Size]byte
	if !hmac.Equal(s.mac(sum[:0], b)[:macSize], space[n-macSize:n]) {
		return t, false
	}
	t.conn = binary.BigEndian.Uint32(rest)
	t.phone.aor = binary.BigEndian.Uint64(rest[4:])
	t.phone.instance = binary.BigEndian.Uint32(rest[12:])
	if t.kind != pathToken {
		t.pbx, t.tag = binary.BigEndian.Uint32(rest[16:]), binary.BigEndian.Uint32(rest[20:])
	}
	return t, true
}

// mayBeToken is a cheap look before open: long enough, and no password behind it.
func mayBeToken(user []byte) bool { return len(user) >= 50 && bytes.IndexByte(user, ':') < 0 }

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
