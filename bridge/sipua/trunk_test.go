package sipua

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/icholy/digest"

	"blfbridge/bridge/certs"
	"blfbridge/bridge/certs/certstest"
	"blfbridge/policy"
)

// trunkProfiles are accept × digest × application level authorization, without what cannot
// be saved; the trunk of each comes from an address of its own.
var trunkProfiles = []struct {
	accept, digest, authorize bool
	from                      string
}{
	{false, false, false, "127.0.1.1"},
	{false, true, false, "127.0.1.2"},
	{false, true, true, "127.0.1.3"},
	{true, false, false, "127.0.1.4"},
	{true, true, false, "127.0.1.5"},
	{true, true, true, "127.0.1.6"},
}

// trunkDocument: line 1 may be watched by the group of the trunks, line 2 by that of the
// application, line 3 by that of phones, so that what is allowed shows who asked.
func trunkDocument() policy.Document {
	user := func(name string) *policy.Digest { return &policy.Digest{Username: name, Password: "s3cret"} }
	t := policy.Tenant{
		Name: "acme", Domains: []string{"acme.test"}, PresenceGroups: []policy.PresenceGroup{{Name: "trunk"}, {Name: "app"}},
		Lines:    []policy.DirectoryNumber{{Number: "1", PresenceGroup: "trunk"}, {Number: "2", PresenceGroup: "app"}, {Number: "3"}},
		Phones:   []policy.Phone{{Name: "P", Lines: []string{"200"}, Digest: user("phone")}},
		EndUsers: []policy.EndUser{{UserID: "ada", Digest: user("ada")}},
		ApplicationUsers: []policy.ApplicationUser{
			{UserID: "shut", PresenceGroup: "app", Digest: user("shut")},
			{UserID: "open", PresenceGroup: "app", AcceptPresenceSubscription: true, Digest: user("open")},
			{UserID: "bare", AcceptPresenceSubscription: true, Digest: user("bare")},
		},
	}
	for i, p := range trunkProfiles {
		name := fmt.Sprintf("K%d", i)
		t.TrunkSecurityProfiles = append(t.TrunkSecurityProfiles, policy.TrunkSecurityProfile{
			Name: name, AcceptPresenceSubscription: p.accept, Digest: p.digest, ApplicationLevelAuthorization: p.authorize,
		})
		t.Trunks = append(t.Trunks, policy.Trunk{Name: name, SecurityProfile: name, PresenceGroup: "trunk", Addresses: []string{p.from}, Digest: user("own" + name)})
	}
	return policy.Document{Tenants: []policy.Tenant{t}}
}

// TestTrunkTruthTable is the whole truth table over real sockets: accept × digest ×
// application level authorization × who has credentials. 127.0.0.0/8 is a trusted
// network, which says nothing for a trunk, nor do the credentials of phones and users.
func TestTrunkTruthTable(t *testing.T) {
	snap := compile(t, trunkDocument()).WithCredentials(map[string][]policy.FileCredential{"acme": {{Username: "file", Password: "s3cret"}}})
	r := newRig(t, func(c *Config) { c.Policy = func() *policy.Snapshot { return snap } })
	const (
		refused = "403"
		ask     = "401"
		trunk   = "200 by the trunk's group"
		app     = "200 by the application's group"
	)
	who := []string{"", "own", "file", "gone", "shut", "open", "bare", "phone", "ada", "!open", "!own"}
	table := [][11]string{
		{refused, refused, refused, refused, refused, refused, refused, refused, refused, refused, refused},
		{refused, refused, refused, refused, refused, refused, refused, refused, refused, refused, refused},
		// CUCM: the application user accepts, the trunk's profile does not: 403.
		{refused, refused, refused, refused, refused, refused, refused, refused, refused, refused, refused},
		// Digest off: every request is accepted before the group check.
		{trunk, trunk, trunk, trunk, trunk, trunk, trunk, trunk, trunk, trunk, trunk},
		// CUCM: the application user accepts, the profile has no application level authorization: 403.
		{ask, trunk, trunk, ask, trunk, refused, refused, ask, ask, ask, ask},
		{ask, refused, refused, ask, refused, app, trunk, ask, ask, ask, ask},
	}
	challenger := newUDPPhone(t, trunkProfiles[4].from+":0", r.udp)
	nonce := challengesOf(t, challenger.ask(subscribeTo("sip:1@acme.test", challenger.addr()).String()))[0]
	if nonce.Realm != "acme" {
		t.Fatalf("realm %q", nonce.Realm)
	}
	count := 0
	for i, profile := range trunkProfiles {
		p := newUDPPhone(t, profile.from+":0", r.udp)
		for j, name := range who {
			var statuses [3]int
			for line := range statuses {
				uri := fmt.Sprintf("sip:%d@acme.test", line+1)
				// Whom the sender says to be, the phone P, says nothing either.
				q := subscribeTo(uri, p.addr()).with("From", "<sip:200@acme.test>;tag=ft")
				if name != "" {
					count++
					q.line("Authorization: " + credentialsFor(t, nonce, uri, name, i, count))
				}
				res := p.ask(q.String())
				if statuses[line] = res.code; res.code == 200 {
					s := next(t, r.rec.subscribes, "SUBSCRIBE")
					if k := s.Watcher.Kind; k != policy.WatcherTrunk && k != policy.WatcherApplication || s.Cold.Origin != p.addr().String() {
						t.Errorf("%+v, credentials %q: known as %+v from %q", profile, name, s.Watcher, s.Cold.Origin)
					}
					if (s.Cold.AppUser != "") != s.Watcher.Trusted {
						t.Errorf("%+v, credentials %q: trusted %v by %q", profile, name, s.Watcher.Trusted, s.Cold.AppUser)
					}
				}
			}
			got := map[[3]int]string{{401, 401, 401}: ask, {403, 403, 403}: refused, {200, 403, 403}: trunk, {403, 200, 403}: app}[statuses]
			if got == "" {
				got = fmt.Sprint(statuses)
			}
			if got != table[i][j] {
				t.Errorf("%+v, credentials %q: %q, want %q", profile, name, got, table[i][j])
			}
		}
	}
}

// credentialsFor answers a challenge as name: "own" is the trunk's own user, and one with
// "!" before it has the wrong password.
func credentialsFor(t *testing.T, c *digest.Challenge, uri, name string, trunk, count int) string {
	password := "s3cret"
	if name[0] == '!' {
		name, password = name[1:], "wrong"
	}
	if name == "own" {
		name = fmt.Sprintf("ownK%d", trunk)
	}
	return answerWith(t, c, uri, name, password, count)
}

// TestTrunkCME: trunks without security profile are as CME has them: watcher all lets them
// in, and authenticate presence asks for the credentials of a file.
func TestTrunkCME(t *testing.T) {
	for _, c := range []struct {
		all, authenticate bool
		without, with     int
	}{{false, false, 403, 403}, {false, true, 403, 403}, {true, false, 200, 200}, {true, true, 401, 200}} {
		snap := compile(t, policy.Document{WatcherAll: c.all, Tenants: []policy.Tenant{{
			Name: "acme", AuthenticatePresence: c.authenticate, Trunks: []policy.Trunk{{Name: "K", Addresses: []string{"127.0.1.1"}}},
			AuthenticateCredentials: []policy.CredentialFile{{Tag: 1, Location: "x.csv"}},
		}}}).WithCredentials(map[string][]policy.FileCredential{"acme": {{Username: "file", Password: "s3cret"}}})
		r := newRig(t, func(c *Config) { c.Policy = func() *policy.Snapshot { return snap } })
		p := newUDPPhone(t, "127.0.1.1:0", r.udp)
		const uri = "sip:1001@acme.test"
		res := p.ask(subscribeTo(uri, p.addr()).String())
		if res.code != c.without {
			t.Errorf("%+v: %d", c, res.code)
		}
		nonce := &digest.Challenge{Realm: "acme", Nonce: r.verifier.nonces.issue("acme", time.Now()), Algorithm: "SHA-256", QOP: []string{"auth"}}
		if res.code == 401 {
			nonce = challengesOf(t, res)[0]
		}
		if res = p.ask(subscribeTo(uri, p.addr()).line("Authorization: " + answerWith(t, nonce, uri, "file", "s3cret", 1)).String()); res.code != c.with {
			t.Errorf("%+v with credentials: %d", c, res.code)
		}
	}
}

// TestTrunkTenants: an address that trunks of several tenants have is that of the tenant
// asked for; a trunk sees its own tenant only.
func TestTrunkTenants(t *testing.T) {
	tenant := func(name string, trunks ...policy.Trunk) policy.Tenant {
		return policy.Tenant{Name: name, Domains: []string{name + ".test"}, Lines: []policy.DirectoryNumber{{Number: "1"}}, Trunks: trunks}
	}
	snap := compile(t, policy.Document{WatcherAll: true, Tenants: []policy.Tenant{
		tenant("acme", policy.Trunk{Name: "A", Addresses: []string{"127.0.1.1"}}),
		tenant("bank", policy.Trunk{Name: "B", Addresses: []string{"127.0.1.0/24"}}),
		tenant("shop"),
	}})
	r := newRig(t, func(c *Config) { c.Policy = func() *policy.Snapshot { return snap } })
	for _, c := range []struct {
		from, host string
		status     int
		trunk      string
	}{
		{"127.0.1.1", "acme.test", 200, "acme/A"},
		{"127.0.1.1", "bank.test", 200, "bank/B"},
		{"127.0.1.1", "shop.test", 404, ""}, // acme's trunk, which comes first
		{"127.0.1.2", "bank.test", 200, "bank/B"},
		{"127.0.1.2", "acme.test", 404, ""},
		{"127.0.1.1", r.udp.String(), 200, "acme/A"}, // the default tenant's
		{"127.0.0.1", "bank.test", 200, ""},          // no trunk's
	} {
		p := newUDPPhone(t, c.from+":0", r.udp)
		// Who says to be of another tenant is no other trunk for that.
		res := p.ask(subscribeTo("sip:1@"+c.host, p.addr()).with("From", "<sip:x@elsewhere.test>;tag=ft").String())
		if res.code != c.status {
			t.Errorf("%+v: %d", c, res.code)
		}
		if res.code != 200 {
			continue
		}
		w := next(t, r.rec.subscribes, "SUBSCRIBE").Watcher
		if got := w.Tenant + "/" + w.ID; (w.Kind == policy.WatcherTrunk) != (c.trunk != "") || c.trunk != "" && got != c.trunk {
			t.Errorf("%+v: known as %+v", c, w)
		}
	}
}

// TestTrunkPorts: a port tells two systems of one address apart: over UDP the one they
// send from, over TCP the one they say they listen on.
func TestTrunkPorts(t *testing.T) {
	port := newUDPPhone(t, "127.0.0.1:0", netip.AddrPort{}).addr()
	snap := compile(t, policy.Document{Tenants: []policy.Tenant{{
		Name: "acme", TrunkSecurityProfiles: []policy.TrunkSecurityProfile{{Name: "open", AcceptPresenceSubscription: true}},
		Trunks: []policy.Trunk{{Name: "K", SecurityProfile: "open", Addresses: []string{port.String()}}},
	}}})
	r := newRig(t, func(c *Config) { c.Policy = func() *policy.Snapshot { return snap } })
	kind := func(res response) policy.WatcherKind {
		t.Helper()
		if res.code != 200 {
			t.Fatal(res.raw)
		}
		return next(t, r.rec.subscribes, "SUBSCRIBE").Watcher.Kind
	}
	other := r.udpPhone()
	if k := kind(other.ask(subscribeTo("sip:1001@x", other.addr()).String())); k != policy.WatcherUnknown {
		t.Errorf("another port: %v", k)
	}
	tcp := r.tcpPhone()
	tcp.send(subscribeTo("sip:1001@x", tcp.addr()).over("TCP").String())
	if k := kind(tcp.read()); k != policy.WatcherUnknown {
		t.Errorf("another port over TCP: %v", k)
	}
	tcp.send(subscribeTo("sip:1001@x", port).over("TCP").String())
	if k := kind(tcp.read()); k != policy.WatcherTrunk {
		t.Errorf("the port over TCP: %v", k)
	}
	// Its address in Via does not make another host the trunk.
	far := newUDPPhone(t, "127.0.0.2:0", r.udp)
	if k := kind(far.ask(subscribeTo("sip:1001@x", port).line("X: y").String())); k != policy.WatcherUnknown {
		t.Errorf("a claim in Via: %v", k)
	}
}

// TestTrunkCredentialsElsewhere: what an application user or the other end of a trunk knows
// proves nothing where no trunk is.
func TestTrunkCredentialsElsewhere(t *testing.T) {
	doc := trunkDocument()
	doc.UnknownWatchers.TrustedNetworks = []string{"192.0.2.0/24"}
	snap := compile(t, doc)
	r := newRig(t, func(c *Config) { c.Policy = func() *policy.Snapshot { return snap } })
	p := r.udpPhone()
	const uri = "sip:3@acme.test"
	nonce := challengesOf(t, p.ask(subscribeTo(uri, p.addr()).String()))[0]
	for i, name := range []string{"open", "own", "phone"} {
		res := p.ask(subscribeTo(uri, p.addr()).line("Authorization: " + credentialsFor(t, nonce, uri, name, 5, i+1)).String())
		if want := map[string]int{"open": 401, "own": 401, "phone": 200}[name]; res.code != want {
			t.Errorf("%s: got\n%s", name, res.raw)
		}
	}
}

// TestTrunkByCertificate: where the security profile names certificates, the address alone
// is refused, and the certificate is enough from anywhere.
func TestTrunkByCertificate(t *testing.T) {
	snap := compile(t, policy.Document{Tenants: []policy.Tenant{{
		Name: "acme", TrunkSecurityProfiles: []policy.TrunkSecurityProfile{{Name: "tls", AcceptPresenceSubscription: true, X509SubjectNames: []string{"PBX.test"}}},
		Trunks: []policy.Trunk{{Name: "K", SecurityProfile: "tls", Addresses: []string{"127.0.1.1"}}},
	}}})
	s := newSecure(t, func(c *Config, _ *certs.Files) { c.Policy = func() *policy.Snapshot { return snap } })
	p := s.tlsPhone()
	p.send(subscribeTo("sip:1001@x.test", p.addr()).over("TLS").String())
	if res := p.read(); res.code != 200 || next(t, s.rec.subscribes, "SUBSCRIBE").Watcher.Kind != policy.WatcherUnknown {
		t.Errorf("no certificate: %s", res.raw)
	}
	s.client.Certificates = s.pair(certstest.Leaf{CommonName: "pbx.test"})
	p = s.tlsPhone()
	p.send(subscribeTo("sip:1001@x.test", p.addr()).over("TLS").String())
	if res := p.read(); res.code != 200 {
		t.Fatal(res.raw)
	}
	sub := next(t, s.rec.subscribes, "SUBSCRIBE")
	if sub.Watcher != (policy.Watcher{Tenant: "acme", Kind: policy.WatcherTrunk, ID: "K"}) || sub.Cold.Origin != "pbx.test" {
		t.Errorf("%+v from %q", sub.Watcher, sub.Cold.Origin)
	}
	u := newUDPPhone(t, "127.0.1.1:0", s.udp)
	if res := u.ask(subscribeTo("sip:1001@x.test", u.addr()).String()); res.code != 403 {
		t.Errorf("by its address alone: %s", res.raw)
	}
}
