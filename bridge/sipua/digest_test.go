package sipua

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/icholy/digest"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"blfbridge/policy"
)

// public makes loopback count as untrusted.
func public(phones ...policy.Phone) policy.Document {
	return policy.Document{
		UnknownWatchers: policy.UnknownWatchers{TrustedNetworks: []string{"192.0.2.0/24"}},
		Tenants:         []policy.Tenant{{Name: "acme", Domains: []string{"acme.test"}, Phones: phones}},
	}
}

func digestRig(t *testing.T, doc policy.Document) *rig {
	snap := compile(t, doc)
	return newRig(t, func(c *Config) { c.Policy = func() *policy.Snapshot { return snap } })
}

func challengesOf(t *testing.T, r response) []*digest.Challenge {
	t.Helper()
	var out []*digest.Challenge
	for _, v := range r.headers["www-authenticate"] {
		c, err := digest.ParseChallenge(v)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

// answerWith makes the Authorization value by another implementation than ours.
func answerWith(t *testing.T, c *digest.Challenge, uri, user, password string, count int) string {
	t.Helper()
	cred, err := digest.Digest(c, digest.Options{Method: "SUBSCRIBE", URI: uri, Username: user, Password: password, Count: count})
	if err != nil {
		t.Fatal(err)
	}
	return cred.String()
}

func TestDigest(t *testing.T) {
	const uri = "sip:1001@acme.test"
	phone := policy.Phone{Name: "SEP1", Lines: []string{"1002"}, Digest: &policy.Digest{Username: "ann", Password: "s3cret"}}
	hashed := policy.Phone{Name: "SEP2", Lines: []string{"1003"}, Digest: &policy.Digest{Username: "bob", HA1: algMD5.hash("bob:acme:s3cret")}}
	sha := policy.Phone{Name: "SEP3", Lines: []string{"1004"}, Digest: &policy.Digest{Username: "cid", HA1SHA256: algSHA256.hash("cid:acme:s3cret")}}
	r := digestRig(t, public(phone, hashed, sha))
	p := r.udpPhone()
	ask := func(auth string) response {
		q := subscribeTo(uri, p.addr())
		if auth != "" {
			q.line("Authorization: " + auth)
		}
		return p.ask(q.String())
	}
	fresh := func() (sha, md *digest.Challenge) {
		res := ask("")
		cs := challengesOf(t, res)
		if res.code != 401 || len(cs) != 2 || cs[0].Algorithm != "SHA-256" || cs[1].Algorithm != "MD5" ||
			cs[0].Realm != "acme" || !slices.Contains(cs[0].QOP, "auth") {
			t.Fatalf("RFC 8760 §2.3: want SHA-256, then MD5:\n%s", res.raw)
		}
		return cs[0], cs[1]
	}
	strong, weak := fresh()
	for _, c := range []*digest.Challenge{strong, weak} {
		res := ask(answerWith(t, c, uri, "ann", "s3cret", map[string]int{"SHA-256": 1, "MD5": 2}[c.Algorithm]))
		if res.code != 200 {
			t.Fatalf("%s: got\n%s", c.Algorithm, res.raw)
		}
		if s := next(t, r.rec.subscribes, "SUBSCRIBE"); s.Watcher != (policy.Watcher{Tenant: "acme", Kind: policy.WatcherPhone, ID: "SEP1", Trusted: true}) {
			t.Errorf("watcher %+v", s.Watcher)
		}
	}
	// A count that came before is a replay.
	if res := ask(answerWith(t, weak, uri, "ann", "s3cret", 2)); res.code != 401 || !strings.Contains(res.get("WWW-Authenticate"), "stale=true") {
		t.Errorf("replay: got\n%s", res.raw)
	}
	// One that was overtaken is not.
	if res := ask(answerWith(t, weak, uri, "ann", "s3cret", 9)); res.code != 200 {
		t.Error(res.raw)
	}
	if res := ask(answerWith(t, weak, uri, "ann", "s3cret", 5)); res.code != 200 {
		t.Error(res.raw)
	}
	for name, auth := range map[string]string{
		"password":  answerWith(t, weak, uri, "ann", "wrong", 20),
		"user":      answerWith(t, weak, uri, "eve", "s3cret", 21),
		"other uri": answerWith(t, weak, "sip:1009@acme.test", "ann", "s3cret", 22),
		"basic":     "Basic YW5uOnMzY3JldA==",
		"sess":      strings.Replace(answerWith(t, weak, uri, "ann", "s3cret", 23), "MD5", "MD5-sess", 1),
		"auth-int":  strings.Replace(answerWith(t, weak, uri, "ann", "s3cret", 24), "qop=auth", "qop=auth-int", 1),
		"empty":     "Digest",
		"twice":     answerWith(t, weak, uri, "ann", "s3cret", 25) + `, username="ann"`,
	} {
		if res := ask(auth); res.code != 401 || strings.Contains(res.get("WWW-Authenticate"), "stale") || len(challengesOf(t, res)) != 2 {
			t.Errorf("%s: got\n%s", name, res.raw)
		}
	}
	// A nonce of before a restart: the password is not in doubt.
	other := *weak
	other.Nonce = newNonces(nil).issue("acme", time.Now())
	if res := ask(answerWith(t, &other, uri, "ann", "s3cret", 1)); res.code != 401 || !strings.Contains(res.get("WWW-Authenticate"), "stale=true") {
		t.Errorf("foreign nonce: got\n%s", res.raw)
	}
	// A hash is for one algorithm; who used the other is asked again for that one.
	strong, weak = fresh()
	res := ask(answerWith(t, strong, uri, "bob", "s3cret", 1))
	if cs := challengesOf(t, res); res.code != 401 || len(cs) != 1 || cs[0].Algorithm != "MD5" {
		t.Errorf("got\n%s", res.raw)
	} else if res := ask(answerWith(t, cs[0], uri, "bob", "s3cret", 1)); res.code != 200 {
		t.Error(res.raw)
	}
	if res := ask(answerWith(t, strong, uri, "cid", "s3cret", 3)); res.code != 200 {
		t.Error(res.raw)
	}
	// RFC 2617 without qop.
	old := *weak
	old.QOP = nil
	if auth := answerWith(t, &old, uri, "ann", "s3cret", 1); strings.Contains(auth, "qop") {
		t.Fatal(auth)
	} else if res := ask(auth); res.code != 200 {
		t.Error(res.raw)
	}
	if n := testutil.ToFloat64(r.metrics.auth.WithLabelValues("bad")); n < 3 {
		t.Errorf("%v bad credentials counted", n)
	}
}

// TestChallengedRetrySameCSeq: phones exist that do not count CSeq up after a 401.
func TestChallengedRetrySameCSeq(t *testing.T) {
	r := digestRig(t, public(policy.Phone{Name: "SEP1", Lines: []string{"1002"}, Digest: &policy.Digest{Username: "ann", Password: "x"}}))
	p := r.udpPhone()
	q := subscribeTo("sip:1001@acme.test", p.addr())
	c := challengesOf(t, p.ask(q.String()))[0]
	q.branch += "b"
	q.line("Authorization: " + answerWith(t, c, q.uri, "ann", "x", 1))
	if res := p.ask(q.String()); res.code != 200 {
		t.Error(res.raw)
	}
}

func TestTrustedIdentity(t *testing.T) {
	phone := policy.Phone{Name: "SEP1", Lines: []string{"1002"}, Digest: &policy.Digest{Username: "ann", Password: "x"}}
	doc := public(phone)
	doc.UnknownWatchers = policy.UnknownWatchers{}
	r := digestRig(t, doc)
	p := r.udpPhone()
	for name, c := range map[string]struct {
		change func(*request)
		id     string
		kind   policy.WatcherKind
	}{
		"by From": {func(*request) {}, "SEP1", policy.WatcherPhone},
		"by P-Asserted-Identity": {func(q *request) {
			q.with("From", "<sip:7@x>;tag=1").line(`P-Asserted-Identity: "A, B" <sip:1002@acme.test>, <tel:+1>`)
		}, "SEP1", policy.WatcherPhone},
		"unknown": {func(q *request) { q.with("From", "<sip:7777@there.test>;tag=1") }, "7777@there.test", policy.WatcherUnknown},
		"foreign credentials": {func(q *request) {
			q.line(`Authorization: Digest username="1002", realm="asterisk", nonce="n", uri="sip:x", response="00"`)
		}, "SEP1", policy.WatcherPhone},
		"wrong credentials": {func(q *request) {
			q.line(`Authorization: Digest username="ann", realm="acme", nonce="n", uri="sip:1001@acme.test", response="00"`)
		}, "SEP1", policy.WatcherPhone},
	} {
		q := subscribeTo("sip:1001@acme.test", p.addr()).with("From", "<sip:1002@acme.test>;tag=1")
		c.change(q)
		if res := p.ask(q.String()); res.code != 200 {
			t.Errorf("%s: %s", name, res.raw)
			continue
		}
		s := next(t, r.rec.subscribes, "SUBSCRIBE")
		if want := (policy.Watcher{Tenant: "acme", Kind: c.kind, ID: c.id, Trusted: true}); s.Watcher != want {
			t.Errorf("%s: watcher %+v, want %+v", name, s.Watcher, want)
		}
	}
}

// TestUntrusted: RFC 3325 §5, an identity is believed only from who is trusted.
func TestUntrusted(t *testing.T) {
	doc := public(policy.Phone{Name: "SEP1", Lines: []string{"1002"}})
	r := digestRig(t, doc)
	p := r.udpPhone()
	q := subscribeTo("sip:1001@acme.test", p.addr()).line("P-Asserted-Identity: <sip:1002@acme.test>")
	if res := p.ask(q.String()); res.code != 401 {
		t.Error(res.raw)
	}
	doc.UnknownWatchers.Others = "refuse"
	r = digestRig(t, doc)
	p = r.udpPhone()
	for from, want := range map[string]int{"<sip:7777@acme.test>;tag=1": 403, "<sip:1002@acme.test>;tag=1": 401} {
		if res := p.ask(subscribeTo("sip:1001@acme.test", p.addr()).with("From", from).String()); res.code != want {
			t.Errorf("%s: got\n%s", from, res.raw)
		}
	}
}

func TestNonces(t *testing.T) {
	now := time.Now()
	n := newNonces([]byte("01234567890123456789012345678901"))
	one := n.issue("acme", now)
	for name, c := range map[string]struct {
		nonce, realm string
		at           time.Time
		want         nonceState
	}{
		"good":        {one, "acme", now, nonceGood},
		"just good":   {one, "acme", now.Add(nonceAge - time.Second), nonceGood},
		"old":         {one, "acme", now.Add(nonceAge + time.Second), nonceStale},
		"future":      {n.issue("acme", now.Add(time.Hour)), "acme", now, nonceStale},
		"other realm": {one, "b", now, nonceForged},
		"changed":     {"A" + one[1:], "acme", now, nonceForged},
		"short":       {one[:10], "acme", now, nonceForged},
		"empty":       {"", "acme", now, nonceForged},
		"no base64":   {strings.Repeat("!", len(one)), "acme", now, nonceForged},
	} {
		if one[0] == 'A' && name == "changed" {
			c.nonce = "B" + one[1:]
		}
		if _, got := n.check(c.nonce, c.realm, c.at); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
	if _, got := newNonces([]byte("01234567890123456789012345678901")).check(one, "acme", now); got != nonceGood {
		t.Error("a process with the same secret does not know the nonce")
	}
}

// TestNonceMemory: the replay check is bounded, and what it forgets cannot be replayed.
func TestNonceMemory(t *testing.T) {
	now := time.Now()
	n := newNonces(nil)
	first := n.issue("r", now)
	id, _ := n.check(first, "r", now)
	if !n.count(id, 1, now) || n.count(id, 1, now) || n.count(id, 0, now) {
		t.Fatal("counts")
	}
	for range maxNonces + 10 {
		id, state := n.check(n.issue("r", now), "r", now)
		if state == nonceGood {
			n.count(id, 1, now)
		}
		if len(n.used) > maxNonces {
			t.Fatal("too many nonces remembered")
		}
	}
	if _, state := n.check(first, "r", now); state != nonceStale {
		t.Error("a forgotten nonce can be replayed")
	}
	later := now.Add(nonceAge + time.Minute)
	id, state := n.check(n.issue("r", later), "r", later)
	if state != nonceGood || !n.count(id, 1, later) {
		t.Error("new nonces do not work any more")
	}
}

func TestNonceCountWindow(t *testing.T) {
	n := newNonces(nil)
	now := time.Now()
	var id [nonceSize]byte
	id[7] = 1
	seen := map[uint32]bool{}
	for _, c := range []struct {
		nc   uint32
		want bool
	}{{5, true}, {5, false}, {3, true}, {3, false}, {100, true}, {37, true}, {36, false}, {37, false}, {101, true}, {5, false}, {0xffffffff, true}, {0xfffffffe, true}, {100, false}} {
		if got := n.count(id, c.nc, now); got != c.want || got && seen[c.nc] {
			t.Errorf("nc %d: got %v, want %v", c.nc, got, c.want)
		}
		seen[c.nc] = true
	}
}

// TestDigestVector is the example of RFC 7616 §3.9.1.
func TestDigestVector(t *testing.T) {
	c := credentials{
		username: "Mufasa", realm: "http-auth@example.org", uri: "/dir/index.html",
		nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc: "00000001",
		cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop: "auth",
	}
	for alg, want := range map[algorithm]string{
		algMD5:    "8ca523f5e9506fed4657c9700eebdbec",
		algSHA256: "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
	} {
		c.algorithm = alg
		ha1, _ := ha1Of(c, policy.Credential{Digest: policy.Digest{Password: "Circle of Life"}})
		if got := c.expected(ha1, "GET"); got != want {
			t.Errorf("%s: got %s", alg, got)
		}
	}
}

func TestWatchersRule(t *testing.T) {
	for want, u := range map[string]policy.UnknownWatchers{
		"unknown watchers from loopback, link-local and private networks count as presence group Standard; from anywhere else they must give credentials": {},
		"unknown watchers from 10.0.0.0/8, ::1 are refused; from anywhere else they are refused":                                                          {TrustedNetworks: []string{"10.0.0.0/8", "::1"}, As: "refuse", Others: "refuse"},
		"unknown watchers from 10.0.0.0/8 must give credentials; from anywhere else they must give credentials":                                           {TrustedNetworks: []string{"10.0.0.0/8"}, As: "challenge"},
	} {
		if got := WatchersRule(u); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
