package pickup

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/policy"
)

// tokenPrefix begins the call-id that stands for a ringing call.
const tokenPrefix = "blf-"

// The tags that go with a token. They mean nothing, but a phone builds no Replaces
// without them (RFC 3891 §6.1).
const (
	tokenPBXTag   = "blf-pbx"
	tokenPhoneTag = "blf-phone"
)

const (
	callBytes  = 8
	macBytes   = 12
	tokenBytes = 4 + callBytes + macBytes // with the expiry in front, unix seconds
)

// Tokens makes and reads what stands for a ringing call towards one watcher. It is safe
// for concurrent use. Processes that share the load share the key.
type Tokens struct{ key []byte }

// NewTokens derives its own key from a secret of 32 bytes or more.
func NewTokens(secret []byte) *Tokens {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte("blfbridge pickup tokens 1"))
	return &Tokens{h.Sum(nil)}
}

// Seal returns identifiers that name the call d to us, for w, until expires. The same
// arguments give the same text.
func (t *Tokens) Seal(w policy.Watcher, d device.SIPDialog, expires time.Time) device.SIPDialog {
	var space [tokenBytes]byte
	b := binary.BigEndian.AppendUint32(space[:0], uint32(expires.Unix()))
	b = append(b, t.call(d)...)
	b = append(b, t.mac(b, w)...)
	return device.SIPDialog{
		CallID:   tokenPrefix + base64.RawURLEncoding.EncodeToString(b),
		LocalTag: tokenPBXTag, RemoteTag: tokenPhoneTag,
	}
}

// claim is a genuine token as read.
type claim struct {
	call    string
	expires time.Time
}

// open reads a call-id; ok is false for one that was not made for this watcher.
func (t *Tokens) open(callID string, w policy.Watcher) (c claim, ok bool) {
	text, ok := strings.CutPrefix(callID, tokenPrefix)
	if !ok || len(text) != base64.RawURLEncoding.EncodedLen(tokenBytes) {
		return c, false
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || !hmac.Equal(b[4+callBytes:], t.mac(b[:4+callBytes], w)) {
		return c, false
	}
	return claim{string(b[4 : 4+callBytes]), time.Unix(int64(binary.BigEndian.Uint32(b)), 0)}, true
}

// call hashes a call's identifiers with the key, so that a token tells nothing of them.
func (t *Tokens) call(d device.SIPDialog) []byte {
	h := hmac.New(sha256.New, t.key)
	for _, s := range [...]string{"call", d.CallID, d.LocalTag, d.RemoteTag} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	return h.Sum(nil)[:callBytes]
}

func (t *Tokens) mac(b []byte, w policy.Watcher) []byte {
	h := hmac.New(sha256.New, t.key)
	h.Write(b)
	for _, s := range [...]string{"watcher", w.Tenant, w.Kind.String(), w.ID} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	return h.Sum(nil)[:macBytes]
}

// isToken reports whether a call-id has the form of ours, genuine or not.
func isToken(callID string) bool { return strings.HasPrefix(callID, tokenPrefix) }
