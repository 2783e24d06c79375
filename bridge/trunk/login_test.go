package trunk

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/icholy/digest"
)

const b = "192.0.2.2:5070"

// atB begins a subscription through trunk B, whose credentials are us / secret.
func atB(w *world) sent {
	w.t.Helper()
	w.watch("5001", user)
	w.answer(w.one(a), 500)
	return w.one(b)
}

// proof checks the credentials of a request against an algorithm and returns them.
func proof(t *testing.T, s sent, header string, hash func(string) string) *digest.Credentials {
	t.Helper()
	c, err := digest.ParseCredentials(s.header(header))
	if err != nil {
		t.Fatalf("%s: %v\n%s", header, err, s.raw)
	}
	ha2 := hash("SUBSCRIBE:" + s.msg.Recipient.String())
	want := hash(hash("us:"+c.Realm+":secret") + ":" + c.Nonce + ":" + fmt.Sprintf("%08x", c.Nc) + ":" + c.Cnonce + ":auth:" + ha2)
	if c.QOP == "" {
		want = hash(hash("us:"+c.Realm+":secret") + ":" + c.Nonce + ":" + ha2)
	}
	if c.Response != want || c.URI != s.msg.Recipient.String() || c.Username != "us" {
		t.Errorf("wrong credentials %s", c)
	}
	return c
}

func inMD5(s string) string    { h := md5.Sum([]byte(s)); return hex.EncodeToString(h[:]) }
func inSHA256(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) }

// TestDigest: the topmost challenge that can be met (RFC 8760 §2.4), with and without qop,
// of a server and of a proxy; From names the user.
func TestDigest(t *testing.T) {
	for _, c := range []struct {
		status     int
		challenges []string
		header     string
		hash       func(string) string
	}{
		{401, []string{`WWW-Authenticate: Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth-int, auth"`, `WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"`}, "Authorization", inSHA256},
		{401, []string{`WWW-Authenticate: Digest realm="r", nonce="n", algorithm=SHA-512-256-X`, `WWW-Authenticate: Digest realm="r", nonce="n"`}, "Authorization", inMD5},
		{407, []string{`Proxy-Authenticate: Digest realm="r", nonce="n", algorithm=MD5, qop="auth", opaque="o"`}, "Proxy-Authorization", inMD5},
	} {
		inWorld(t, func(w *world) {
			first := atB(w)
			if first.header("Authorization") != "" || !strings.HasPrefix(first.header("From"), "<sip:us@192.0.2.100>") {
				t.Errorf("first\n%s", first.raw)
			}
			w.answer(first, c.status, c.challenges...)
			second := w.one(b)
			proof(t, second, c.header, c.hash)
			if second.header("CSeq") != "2 SUBSCRIBE" || second.header("Call-ID") != first.header("Call-ID") || strings.Contains(second.header("To"), "tag") {
				t.Errorf("second\n%s", second.raw)
			}
			w.accept(second)
			w.is("active")
		})
	}
}

// TestNonces: a nonce is used on, counted, by other subscriptions too; a stale one is
// replaced; wrong credentials are not tried for ever.
func TestNonces(t *testing.T) {
	ask := func(nonce, more string) string {
		return `WWW-Authenticate: Digest realm="r", nonce="` + nonce + `", qop="auth"` + more
	}
	inWorld(t, func(w *world) {
		w.answer(atB(w), 401, ask("n1", ""))
		sub := w.one(b)
		proof(t, sub, "Authorization", inMD5)
		w.accept(sub)
		w.notify(sub, 1, "active", info(0, ""))

		w.watch("5002", user)
		w.answer(w.one(a), 500)
		if c := proof(t, w.one(b), "Authorization", inMD5); c.Nonce != "n1" || c.Nc != 2 {
			t.Errorf("another subscription used %s", c)
		}
		w.pass(400 * time.Millisecond)
		w.s.PolicyChanged()
		w.none()
		w.pass(199600 * time.Millisecond)
		var refresh sent
		for _, s := range w.clear() {
			if s.header("Call-ID") == sub.header("Call-ID") {
				refresh = s
			}
		}
		if c := proof(t, refresh, "Authorization", inMD5); c.Nonce != "n1" || c.Nc < 3 {
			t.Errorf("refreshed with %s", c)
		}
		w.answer(refresh, 401, ask("n2", ", stale=true"))
		again := w.one(b)
		if c := proof(t, again, "Authorization", inMD5); c.Nonce != "n2" || c.Nc != 1 {
			t.Errorf("after a stale nonce %s", c)
		}
	})
	inWorld(t, func(w *world) {
		w.answer(atB(w), 401, ask("n1", ""))
		w.answer(w.one(b), 401, ask("n2", "")) // wrong password
		third := w.one("192.0.2.3:5060")
		w.answer(third, 403)
		w.is("waiting") // trunk A may answer another time
	})
	inWorld(t, func(w *world) { // nothing to prove with
		w.watch("9123", user)
		w.answer(w.one(a), 401, ask("n", ""))
		w.is("refused")
	})
}
