package trunk

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"go.uber.org/goleak"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a Subscriber in virtual time, between hands that play servers and watchers.
type world struct {
	t    *testing.T
	s    *Subscriber
	stop func()

	mu       sync.Mutex // guards what follows
	snap     *policy.Snapshot
	sent     []sent
	fail     map[string]error // of sending to an address
	lamps    map[string]compositor.Lamp
	hidden   []string
	closes   bool // the connection is given up at the next sending
	rechecks int
}

type sent struct {
	flow notifier.Flow
	msg  *sip.Request
	raw  string
}

// office has two trunks behind a route list, a SIP route, and a default presence trunk.
const office = `
retry_interval: 60
retry_limit: 10
allow_subscribe: true
tenants:
  - name: acme
    presence_groups: [{name: Far}, {name: Boss}]
    permissions:
      - {from: Boss, to: Far, subscribe: disallow}
      - {from: Standard, to: Far, subscribe: allow}
    phones:
      - {name: boss, presence_group: Boss}
    trunks:
      - {name: A, destinations: [192.0.2.1], presence_group: Far}
      - {name: B, destinations: ["192.0.2.2:5070", "192.0.2.3;transport=tcp"], outbound_digest: {username: us, password: secret}}
      - {name: D, destinations: [192.0.2.9]}
    route_groups:
      - {name: G, trunks: [A, B]}
    route_lists:
      - {name: L, route_groups: [G]}
    route_patterns:
      - {pattern: "5XXX", route_list: L}
      - {pattern: "9.XXX", trunk: A, discard_predot: true, prefix_digits: "0"}
    sip_route_patterns:
      - {pattern: far.test, trunk: A}
    default_presence_trunk: D
`

func compiled(t *testing.T, yaml string) *policy.Snapshot {
	t.Helper()
	d, err := policy.Load([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	s, err := policy.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// inWorld runs a test in virtual time.
func inWorld(t *testing.T, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, snap: compiled(t, office), lamps: map[string]compositor.Lamp{}, fail: map[string]error{}}
		s, err := New(Config{
			Transport: w, Lamps: w, Policy: func() *policy.Snapshot { w.mu.Lock(); defer w.mu.Unlock(); return w.snap },
			Recheck: func(uint32) { w.mu.Lock(); w.rechecks++; w.mu.Unlock() }, Resolver: hosts{},
		})
		if err != nil {
			t.Fatal(err)
		}
		w.s = s
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); _ = s.Run(ctx) }()
		w.stop = func() { cancel(); <-done }
		defer func() { w.stop() }()
		synctest.Wait()
		test(w)
	})
}

// hosts is a Resolver.
type hosts struct{}

func (hosts) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if host == "two.test" {
		return []netip.Addr{netip.MustParseAddr("192.0.2.21"), netip.MustParseAddr("192.0.2.22")}, nil
	}
	if host == "one.test" {
		return []netip.Addr{netip.MustParseAddr("192.0.2.31")}, nil
	}
	return nil, fmt.Errorf("no such host")
}

// LookupSRV knows a domain with two servers over TCP, of which one has two addresses, and
// one that has decidedly none over UDP.
func (hosts) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	switch service + proto + name {
	case "siptcpservers.test":
		return "", []*net.SRV{{Target: "two.test.", Port: 5080}, {Target: "gone.test.", Port: 1}, {Target: "one.test.", Port: 5090}}, nil
	case "sipudpservers.test":
		return "", []*net.SRV{{Target: "."}}, nil
	case "sipstcpservers.test":
		panic("a transport that comes later is not asked for")
	}
	return "", nil, fmt.Errorf("no such service")
}

// Toward implements Transport: one socket of each kind, but no TLS.
func (w *world) Toward(t subscription.Transport, to netip.AddrPort, _ string) (notifier.Flow, string, bool) {
	return notifier.Flow{Transport: t, Local: netip.MustParseAddrPort("192.0.2.100:5060"), Remote: to}, "192.0.2.100:5060", t != subscription.TLS
}

// Send implements Transport.
func (w *world) Send(f notifier.Flow, msg []byte) error {
	m, err := sip.ParseMessage(msg)
	if err != nil {
		w.t.Errorf("what was sent cannot be read: %v\n%s", err, msg)
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closes {
		w.closes = false
		w.s.FlowClosed(f)
		return notifier.ErrNoFlow
	}
	if err := w.fail[f.Remote.String()]; err != nil {
		return err
	}
	w.sent = append(w.sent, sent{f, m.(*sip.Request), string(msg)})
	return nil
}

// Show implements Lamps.
func (w *world) Show(k compositor.Key, l compositor.Lamp, over bool, _ time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lamps[k.Number] = l
	if fallback := k.Number[0] == '7'; over == fallback {
		w.t.Errorf("%s wins over devices: %v", k.Number, over)
	}
}

// Hide implements Lamps.
func (w *world) Hide(k compositor.Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.lamps, k.Number)
	w.hidden = append(w.hidden, k.Number)
}

var user = policy.Watcher{Tenant: "acme", ID: "200", Trusted: true}

// decided is what the policy says about a watcher and a number.
func (w *world) decided(who policy.Watcher, number string) policy.Decision {
	t, ok := w.snap.ResolveTarget("acme", number, "", nil)
	if user, host, foreign := strings.Cut(number, "@"); foreign {
		t, ok = w.snap.ResolveTarget("acme", user, host, nil)
	}
	if !ok {
		w.t.Fatalf("%s is no target", number)
	}
	return policy.Decide(w.snap, who, t, policy.Counts{})
}

// watch subscribes a watcher; the end of it is called to leave.
func (w *world) watch(number string, who policy.Watcher) (leave func()) {
	w.t.Helper()
	d := w.decided(who, number)
	if d.Route == "" {
		w.t.Fatalf("%s is not external: %+v", number, d)
	}
	x := notifier.Watch{Key: compositor.Key{Line: d.Line}, Route: d.Route, Watcher: who, MaxForwards: 70}
	w.s.Watch(x)
	synctest.Wait()
	return func() { w.s.Unwatch(x); synctest.Wait() }
}

// admit is what becomes of a further watcher.
func (w *world) admit(number string, who policy.Watcher) policy.Decision {
	d, _ := w.s.Admit(who, w.decided(who, number))
	return d
}

// none checks that nothing was sent.
func (w *world) none() {
	w.t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.sent {
		w.t.Errorf("sent to %s:\n%s", s.flow.Remote, s.raw)
	}
	w.sent = nil
}

// one takes the one message that was sent, to that address.
func (w *world) one(to string) sent {
	w.t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.sent) != 1 || w.sent[0].flow.Remote.String() != to {
		var all []string
		for _, s := range w.sent {
			all = append(all, s.flow.Remote.String()+" "+strings.SplitN(s.raw, "\r\n", 2)[0])
		}
		w.t.Fatalf("sent %q, want one message to %s", all, to)
	}
	s := w.sent[0]
	w.sent = nil
	return s
}

// clear forgets what was sent, and returns it.
func (w *world) clear() (s []sent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, w.sent = w.sent, nil
	return s
}

// header of a message sent.
func (s sent) header(name string) string {
	if h := s.msg.GetHeader(name); h != nil {
		return h.Value()
	}
	return ""
}

// answer answers a SUBSCRIBE; fields are "Name: value".
func (w *world) answer(s sent, status int, fields ...string) {
	w.t.Helper()
	to := s.header("To")
	if !strings.Contains(to, "tag=") {
		to += ";tag=far"
	}
	text := "SIP/2.0 " + strconv.Itoa(status) + " Word\r\nVia: " + s.header("Via") + "\r\nFrom: " + s.header("From") + "\r\nTo: " + to +
		"\r\nCall-ID: " + s.header("Call-ID") + "\r\nCSeq: " + s.header("CSeq") + "\r\n"
	for _, f := range fields {
		text += f + "\r\n"
	}
	m, err := sip.ParseMessage([]byte(text + "Content-Length: 0\r\n\r\n"))
	if err != nil {
		w.t.Fatal(err)
	}
	if !w.s.Response(m.(*sip.Response)) {
		w.t.Error("the answer was not taken")
	}
	synctest.Wait()
}

// accept is a 200 for as long as asked.
func (w *world) accept(s sent) {
	w.t.Helper()
	w.answer(s, 200, "Expires: "+s.header("Expires"), "Contact: <sip:far@"+s.flow.Remote.String()+">")
}

// notify sends a NOTIFY in the dialog of a SUBSCRIBE; more replaces or adds headers.
func (w *world) notify(s sent, cseq int, state, body string, more ...string) (status int) {
	w.t.Helper()
	fields := [][2]string{
		{"Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK" + strconv.Itoa(cseq)}, {"From", "<sip:x@far>;tag=far"}, {"To", s.header("From")},
		{"Call-ID", s.header("Call-ID")}, {"CSeq", strconv.Itoa(cseq) + " NOTIFY"}, {"Event", s.header("Event")},
		{"Subscription-State", state}, {"Contact", "<sip:far@" + s.flow.Remote.String() + ">"}, {"Content-Type", s.header("Accept")},
	}
	for _, f := range more {
		name, value, _ := strings.Cut(f, ": ")
		found := false
		for i := range fields {
			if fields[i][0] == name {
				fields[i][1], found = value, true
			}
		}
		if !found {
			fields = append(fields, [2]string{name, value})
		}
	}
	text := "NOTIFY sip:blfbridge@192.0.2.100 SIP/2.0\r\n"
	for _, f := range fields {
		if f[1] != "" && (f[0] != "Content-Type" || body != "") {
			text += f[0] + ": " + f[1] + "\r\n"
		}
	}
	m, err := sip.ParseMessage([]byte(text + "Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body))
	if err != nil {
		w.t.Fatalf("%v\n%s", err, text)
	}
	status = w.s.Notify(m.(*sip.Request))
	synctest.Wait()
	return status
}

// info is a full dialog-info document with one dialog in a state, or none.
func info(version int, state string) string {
	dialog := ""
	if state != "" {
		dialog = `<dialog id="x" direction="recipient"><state>` + state + `</state></dialog>`
	}
	return fmt.Sprintf(`<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="%d" state="full" entity="sip:x@far">%s</dialog-info>`, version, dialog)
}

// shows checks a lamp.
func (w *world) shows(number, state string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if l, ok := w.lamps[number]; !ok || l.State.String() != state {
		w.t.Errorf("%s shows %v (%v), want %s", number, l.State, ok, state)
	}
}

// row is the first one listed.
func (w *world) row() Row {
	w.t.Helper()
	rows := w.s.Rows()
	if len(rows) == 0 {
		w.t.Fatal("nothing is watched")
	}
	return rows[0]
}

// is checks the state of the first one listed.
func (w *world) is(state string) {
	w.t.Helper()
	if r := w.row(); r.State != state {
		w.t.Errorf("is %+v, want state %s", r, state)
	}
}

func (w *world) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
