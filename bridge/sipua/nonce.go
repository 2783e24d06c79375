package sipua

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"sync"
	"time"
)

const (
	// nonceAge is how long credentials may use one challenge.
	nonceAge = 5 * time.Minute
	// foreignAge is how long they may use one of another process that shares the secret: which
	// counts came there is not known, so that a request might be repeated here, once. It is
	// the time in which a request is sent again (RFC 3261 §17.1.2.2: Timer F).
	foreignAge = 32 * time.Second
	// maxNonces bounds the memory of the replay check.
	maxNonces = 1 << 16
	nonceHead = 8 + 4 + 8 // when, by whom, random
	nonceSize = nonceHead + 16
)

// nonces issues nonces that say themselves when they were made, signed, so that
// challenging costs no memory (RFC 7616 §3.3), and remembers of those in use which counts
// came (RFC 7616 §3.4: nc). It is safe for concurrent use.
type nonces struct {
	secret []byte
	self   [4]byte // who issues

	mu   sync.Mutex // guards all below
	used map[[nonceSize]byte]*ncWindow
	// floor: nonces made before it may have been forgotten, so they are stale.
	floor time.Time
}

// ncWindow is the highest count seen and the 64 below it: requests overtake each other.
type ncWindow struct {
	top  uint32
	seen uint64
}

// nonceState is what became of a nonce.
type nonceState uint8

const (
	nonceGood   nonceState = iota
	nonceStale             // was good once: ask again, the password is not in doubt
	nonceForged            // not one of ours
)

func newNonces(secret []byte) *nonces {
	n := &nonces{secret: secret, used: make(map[[nonceSize]byte]*ncWindow)}
	_, _ = rand.Read(n.self[:])
	if len(secret) == 0 {
		n.secret = make([]byte, 32)
		_, _ = rand.Read(n.secret)
	}
	return n
}

// issue makes a nonce for a realm.
func (n *nonces) issue(realm string, now time.Time) string {
	var b [nonceSize]byte
	binary.BigEndian.PutUint64(b[:], uint64(now.UnixMilli()))
	copy(b[8:], n.self[:])
	_, _ = rand.Read(b[12:nonceHead])
	copy(b[nonceHead:], n.sign(b[:nonceHead], realm))
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (n *nonces) sign(b []byte, realm string) []byte {
	mac := hmac.New(sha256.New, n.secret)
	_, _ = mac.Write(b)
	_, _ = mac.Write([]byte(realm))
	return mac.Sum(nil)[:16]
}

// check says whether a nonce is ours and fresh, and what it is called in use.
func (n *nonces) check(nonce, realm string, now time.Time) (id [nonceSize]byte, state nonceState) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(nonce)
	if err != nil || len(b) != nonceSize || !hmac.Equal(b[nonceHead:], n.sign(b[:nonceHead], realm)) {
		return id, nonceForged
	}
	copy(id[:], b)
	made := time.UnixMilli(int64(binary.BigEndian.Uint64(b)))
	age := nonceAge
	if [4]byte(b[8:12]) != n.self {
		age = foreignAge
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if now.Sub(made) > age || made.After(now.Add(time.Minute)) || n.used[id] == nil && made.Before(n.floor) {
		return id, nonceStale
	}
	return id, nonceGood
}

// count takes a nonce count of credentials that held; false if it came before.
func (n *nonces) count(id [nonceSize]byte, nc uint32, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	w := n.used[id]
	if w == nil {
		if len(n.used) >= maxNonces {
			n.prune(now)
		}
		w = &ncWindow{}
		n.used[id] = w
	}
	switch {
	case nc == 0:
		return false
	case nc > w.top:
		if shift := nc - w.top; shift < 64 {
			w.seen = w.seen<<shift | 1
		} else {
			w.seen = 1
		}
		w.top = nc
		return true
	}
	bit := w.top - nc
	if bit >= 64 || w.seen&(1<<bit) != 0 {
		return false
	}
	w.seen |= 1 << bit
	return true
}

// prune forgets the nonces that are too old to be used; if all are in use, everything,
// and makes what was issued until now stale. The lock is held.
func (n *nonces) prune(now time.Time) {
	for id := range n.used {
		if now.Sub(time.UnixMilli(int64(binary.BigEndian.Uint64(id[:])))) > nonceAge {
			delete(n.used, id)
		}
	}
	if len(n.used) >= maxNonces {
		clear(n.used)
		n.floor = now.Add(time.Millisecond) // nonces tell milliseconds
	}
}
