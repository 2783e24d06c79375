package sipua

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

// tape is a UDP socket that keeps what is written to it.
type tape struct {
	PacketConn
	local   *net.UDPAddr
	mu      sync.Mutex // guards written
	written []sent
}

type sent struct {
	to  netip.AddrPort
	msg string
}

func (c *tape) LocalAddr() net.Addr { return c.local }
func (c *tape) Close() error        { return nil }
func (c *tape) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.written = append(c.written, sent{to, string(b)})
	return len(b), nil
}

func (c *tape) take() []sent {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.written
	c.written = nil
	return out
}

// keeper grants everything and keeps what it was asked.
type keeper struct {
	granter
	asked []notifier.Subscribe
}

func (k *keeper) Subscribe(s *notifier.Subscribe) {
	c := *s // it is sipua's again when it is answered
	k.granter.Subscribe(s)
	c.Answer, c.Received = nil, time.Time{}
	k.asked = append(k.asked, c)
}

// twoWays is one server that reads plain SUBSCRIBEs itself, and one that leaves all to sipgo.
type twoWays struct {
	short, long           *Server
	shortAsked, longAsked *keeper
	socket                *tape
	parser                *sip.Parser
}

func newTwoWays(t testing.TB) *twoWays {
	snap := compile(t, policy.Document{
		UnknownWatchers: policy.UnknownWatchers{TrustedNetworks: []string{"127.0.0.0/8"}},
		Tenants: []policy.Tenant{{Name: "acme", Domains: []string{"acme.test", "x.test"}, Phones: []policy.Phone{
			{Name: "SEP1", Lines: []string{"1002"}, Digest: &policy.Digest{Username: "ann", Password: "s3cret"}},
		}}},
	})
	w := &twoWays{shortAsked: &keeper{}, longAsked: &keeper{}, parser: newParser()}
	w.socket = &tape{local: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5060}}
	make1 := func(long bool, k *keeper) *Server {
		c := newConfigForTest(t)
		c.LongWay = long
		c.Policy = func() *policy.Snapshot { return snap }
		c.Learned = func(_, n string) bool { return strings.HasPrefix(n, "1") }
		c.Resolver = names{}
		c.NonceSecret = []byte("0123456789abcdef0123456789abcdef")
		c.ListenUDP = func(string, *net.UDPAddr) (PacketConn, error) { return w.socket, nil }
		s, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		s.screener.replies = newLimiter(Rate{PerSecond: -1}, Rate{PerSecond: -1})
		s.screener.limits = newLimiter(Rate{PerSecond: -1}, Rate{PerSecond: -1})
		s.SetNotifier(k)
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	w.short, w.long = make1(false, w.shortAsked), make1(true, w.longAsked)
	w.long.screener.seed = w.short.screener.seed // refusals get the same tag
	return w
}

var nonceText = regexp.MustCompile(`nonce="[^"]*"`)

// same sends a message both ways and compares; it reports whether the short way took it.
func (w *twoWays) same(t *testing.T, data []byte, source netip.AddrPort) bool {
	w.shortAsked.asked, w.longAsked.asked = nil, nil
	w.socket.take()
	// Each is a request of its own, not a copy of one before.
	w.short.quick.absorber, w.long.order = newAbsorber(1000), newOrder()
	local := w.short.addresses[0].Addr
	v, _ := w.short.screener.screen(nil, packet{slices.Clone(data), subscription.UDP, local, source})
	short := w.socket.take()
	if v != drop || len(short) == 0 {
		return false
	}
	v, out := w.long.screener.screen(nil, packet{slices.Clone(data), subscription.UDP, local, source})
	if v != pass {
		t.Errorf("taken, and by the long way verdict %d:\n%s", v, data)
		return true
	}
	long, err := w.sipgo(out)
	if err != nil {
		t.Errorf("taken, and by the long way %v:\n%s", err, data)
		return true
	}
	if len(short) != 1 || len(long) != 1 {
		t.Errorf("%d responses and %d to\n%s", len(short), len(long), data)
		return true
	}
	a, b := nonceText.ReplaceAllString(short[0].msg, "nonce"), nonceText.ReplaceAllString(long[0], "nonce")
	if retry := regexp.MustCompile(`Retry-After: \d+`); strings.Contains(a, "Retry-After") {
		a, b = retry.ReplaceAllString(a, "later"), retry.ReplaceAllString(b, "later") // by chance
	}
	if a != b {
		t.Errorf("to\n%s\nthe short way answers\n%s\nand the long way\n%s", data, a, b)
	}
	if to, ok := responseTarget([]byte(long[0])); !ok || to != short[0].to {
		t.Errorf("to %v and to %v:\n%s", short[0].to, to, data)
	}
	if !reflect.DeepEqual(w.shortAsked.asked, w.longAsked.asked) {
		t.Errorf("of\n%s\nthe short way makes\n%+v\nand the long way\n%+v", data, w.shortAsked.asked, w.longAsked.asked)
	}
	return true
}

// sipgo hands a screened message to sipgo's parser and transaction, and to the handler.
func (w *twoWays) sipgo(out []byte) ([]string, error) {
	msg, err := w.parser.ParseSIP(out)
	if err != nil {
		return nil, err
	}
	req, ok := msg.(*sip.Request)
	if !ok {
		return nil, errors.New("no request")
	}
	conn := &sink{local: net.UDPAddrFromAddrPort(w.short.addresses[0].Addr)}
	req.SetTransport("UDP")
	req.SetSource(conn.local.String())
	w.long.arrived(req)
	key, err := sip.ServerTxKeyMake(req)
	if err != nil {
		return nil, err
	}
	tx := sip.NewServerTx(key, req, conn, slog.New(slog.DiscardHandler))
	if err := tx.Init(); err != nil {
		return nil, err
	}
	defer tx.Terminate()
	w.long.handle(req, tx)
	return conn.written, nil
}

// ordinary are SUBSCRIBEs as phones and proxies write them.
func ordinary(t testing.TB, w *twoWays) (out [][]byte) {
	phone := netip.MustParseAddrPort("127.0.0.1:40000")
	credentials := func(uri string) string {
		c, err := digest.ParseChallenge(w.short.verifier.challengeValues(challenge{realm: "acme"}, time.Now())[0].value)
		if err != nil {
			t.Fatal(err)
		}
		d, err := digest.Digest(c, digest.Options{Method: "SUBSCRIBE", URI: uri, Username: "ann", Password: "s3cret", Count: 1})
		if err != nil {
			t.Fatal(err)
		}
		return d.String()
	}
	base := func() *request { return subscribeTo("sip:1001@x.test", phone) }
	list := []*request{
		base(), base().with("Expires", "0"), base().with("Expires", "5"), base().with("Expires", ""), base().with("Event", "presence"),
		base().with("Event", "").line("o: dialog;id=7"), base().with("Contact", "").line("m: <sip:a@10.0.0.9:5062>"), base().with("Contact", ""),
		base().with("To", "<sip:1001@x.test>;tag=lt"), base().with("To", "<sip:1001@x.test>;tag=lt").with("Expires", "0"),
		base().with("Via", "SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bKa.1;i=2").line("Via: SIP/2.0/UDP 10.0.0.2;received=10.0.0.3;rport=9;branch=z9hG4bKb").line("Record-Route: <sip:10.0.0.1;lr>"),
		base().with("Via", "SIP/2.0/UDP phone.test;rport;alias;branch=z9hG4bKn0"), base().with("Via", "SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKn1"),
		base().with("Max-Forwards", "0"), base().with("Accept", "").line("Accept: application/pidf+xml").line("Accept: text/plain"),
		base().line("Accept: application/sdp"), base().line("User-Agent: Yealink SIP-T46S 66.84.0.15"), base().line("Authorization: " + credentials("sip:1001@x.test")),
		base().line(`Authorization: Digest username="ann", realm="acme", nonce="x", uri="sip:1001@x.test", response="00"`),
		base().with("From", "<sip:1002@acme.test>;tag=ft"), base().line("P-Asserted-Identity: <sip:1002@acme.test>"), base().with("From", `"Bell, A" <sip:a.g.bell@example.com;user=phone>;tag=4`),
		subscribeTo("sip:2001@x.test", phone), subscribeTo("sip:1001@nowhere.test", phone), subscribeTo("sip:x.test;transport=udp", phone).with("To", "<sip:1003@x.test>"),
		subscribeTo("sip:%2A891001@x.test:5060;user=phone", phone), base().line("Call-Info: <x>"), base().line("Supported: replaces").line("Allow: NOTIFY"),
		base().with("Call-ID", "").line("i: compact"), base().with("Event", `dialog;call-id="a";to-tag=b`), base().with("Event", "dialog").line("Event: dialog"),
	}
	for i, q := range list {
		if q.callID == "" {
			t.Fatal(i)
		}
		out = append(out, []byte(q.String()))
	}
	return out
}

// TestTwoWays: plain SUBSCRIBEs take the short way, and both ways decide alike and answer
// with the same bytes. So it is with thousands of variations by chance, if they take it.
func TestTwoWays(t *testing.T) {
	w := newTwoWays(t)
	sources := []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:40000"), netip.MustParseAddrPort("198.51.100.7:5070")}
	seeds := ordinary(t, w)
	for i, msg := range seeds {
		if !w.same(t, msg, sources[i%2]) {
			t.Errorf("takes the long way:\n%s", msg)
		}
	}
	random := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	taken := 0
	for i := range 4000 {
		msg := vary(random, seeds[random.IntN(len(seeds))], seeds[random.IntN(len(seeds))])
		if w.same(t, msg, sources[i%2]) {
			taken++
		}
		if t.Failed() {
			return
		}
	}
	if taken < 1000 {
		t.Errorf("only %d of the variations took the short way", taken)
	}
}

// vary changes a message a little: bytes, or a line of another.
func vary(r *rand.Rand, msg, other []byte) []byte {
	msg = slices.Clone(msg)
	lines, others := strings.SplitAfter(string(msg), "\r\n"), strings.SplitAfter(string(other), "\r\n")
	switch r.IntN(4) {
	case 0:
		lines[1+r.IntN(len(lines)-3)] = others[1+r.IntN(len(others)-3)]
	case 1:
		lines = slices.Insert(lines, 1+r.IntN(len(lines)-3), others[1+r.IntN(len(others)-3)])
	case 2:
		lines = slices.Delete(lines, 1+r.IntN(len(lines)-3), 1+len(lines)-3)
		lines = append(lines[:1:1], append(others[1+r.IntN(len(others)-3):len(others)-2], lines[1:]...)...)
	default:
		const odd = "; =<>\"@:,%\t.zA09\\"
		for range 1 + r.IntN(3) {
			at := r.IntN(len(msg) - 4)
			switch r.IntN(3) {
			case 0:
				msg[at] = odd[r.IntN(len(odd))]
			case 1:
				msg = slices.Insert(msg, at, odd[r.IntN(len(odd))])
			default:
				msg = slices.Delete(msg, at, at+1)
			}
		}
		return msg
	}
	return []byte(strings.Join(lines, ""))
}

// FuzzTwoWays is TestTwoWays for what the fuzzer finds.
func FuzzTwoWays(f *testing.F) {
	w := newTwoWays(f)
	for _, msg := range ordinary(f, w) {
		f.Add(msg)
	}
	seed(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		w.same(t, data, netip.MustParseAddrPort("127.0.0.1:40000"))
	})
}
