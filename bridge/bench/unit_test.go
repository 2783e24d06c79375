package bench

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestHistogram: quantiles are those of the sorted values, but for 1.6 %.
func TestHistogram(t *testing.T) {
	var h, half histogram
	r := rand.New(rand.NewPCG(1, 2))
	var all []time.Duration
	for i := range 20000 {
		d := time.Duration(r.ExpFloat64() * float64(time.Millisecond))
		all = append(all, d)
		if i%2 == 0 {
			h.add(d)
		} else {
			half.add(d)
		}
	}
	h.merge(&half)
	slices.Sort(all)
	for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 1} {
		got, want := h.quantile(q), all[int(q*20000)-1]
		if got < want || float64(got) > float64(want)*1.017+1 {
			t.Errorf("quantile %v: %v, want %v", q, got, want)
		}
	}
	for _, d := range []time.Duration{0, 1, 63, 64, 65, 127, 128, 1e9, 40 * time.Second, 1 << 62} {
		if i := bucketOf(d); i < 40*64-1 && (valueOf(i) < d || i > 0 && valueOf(i-1) >= d) {
			t.Errorf("%d is in bucket %d, which ends at %d", d, i, valueOf(i))
		}
	}
	if new(histogram).latency() != nil {
		t.Error("nothing has a latency")
	}
}

func TestAlarms(t *testing.T) {
	var a alarms
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		a.push(alarm{at: r.Int64N(500)})
		if len(a) > 300 {
			a.pop()
		}
	}
	for last := int64(0); len(a) > 0; {
		x := a.pop()
		if x.at < last {
			t.Fatalf("%d after %d", x.at, last)
		}
		last = x.at
	}
}

const notify = "NOTIFY sip:4711@127.0.0.1:7000 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKb\r\n" +
	"Max-Forwards: 70\r\nFrom: <sip:101@x>;tag=srv\r\nTo: <sip:200@x>;tag=p4711\r\nCall-ID: c@phone\r\nCSeq: 12 NOTIFY\r\nEvent: dialog\r\n" +
	"Subscription-State: active;expires=10\r\nContent-Length: 5\r\n\r\nhello"

func TestScan(t *testing.T) {
	var h head
	if !h.scan([]byte(notify)) || h.index != 4711 || h.cseq != 12 || h.method != 'N' || h.state != 'a' || h.status != 0 || string(h.body) != "hello" || string(h.tag) != "p4711" {
		t.Errorf("%+v", h)
	}
	want := "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKb\r\n" +
		"From: <sip:101@x>;tag=srv\r\nTo: <sip:200@x>;tag=p4711\r\nCall-ID: c@phone\r\nCSeq: 12 NOTIFY\r\nContent-Length: 0\r\n\r\n"
	if got := string(appendOK(nil, &h)); got != want {
		t.Errorf("%s", got)
	}
	answer := "SIP/2.0 503 Busy\r\nVia: SIP/2.0/UDP 10.0.0.1;rport=1;branch=" + ours + "815.3-x;received=1.1.1.1\r\nTo: <sip:101@x>;tag=abc;x=y\r\n" +
		"CSeq: 3 SUBSCRIBE\r\nRetry-After: 7\r\nSIP-ETag: e-1\r\nExpires: 60\r\nContent-Length: 0\r\n\r\n"
	if !h.scan([]byte(answer)) || h.status != 503 || h.index != 815 || h.cseq != 3 || h.retry != 7 || string(h.etag) != "e-1" || string(h.tag) != "abc" || h.expires != 60 {
		t.Errorf("%+v", h)
	}
	for i := range len(notify) { // no piece of a message is more than a message, and none panics
		if h.scan([]byte(notify[:i])) && i < len(notify)-len("hello") {
			t.Errorf("%q is a message", notify[:i])
		}
	}
	for _, bad := range []string{"", "\r\n", "OPTIONS sip:1@x SIP/2.0\r\n\r\n", "NOTIFY sip:x@y SIP/2.0\r\nCSeq: 1 NOTIFY\r\n\r\n"} {
		if h.scan([]byte(bad)) {
			t.Errorf("%q is a message", bad)
		}
	}
}

func TestLamp(t *testing.T) {
	const prolog = `<?xml version="1.0"?><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="42" state="full" entity="sip:1@x">`
	for _, c := range []struct {
		body string
		n    uint32
		lit  bool
		ok   bool
	}{
		{prolog + "</dialog-info>", 42, false, true},
		{prolog + `<dialog id="1"><state>terminated</state></dialog></dialog-info>`, 42, false, true},
		{prolog + `<dialog id="1"><state event="x">terminated</state></dialog><dialog id="2"><state>early</state></dialog></dialog-info>`, 42, true, true},
		{prolog + `<dialog id="1"><state>confirmed</state></dialog></dialog-info>`, 42, true, true},
		{"", 0, false, false},
		{"<presence/>", 0, false, false},
	} {
		if n, lit, ok := lamp([]byte(c.body)); n != c.n || lit != c.lit || ok != c.ok {
			t.Errorf("%s: %d %v %v", c.body, n, lit, ok)
		}
	}
}

// TestOwnMessages: what the phones send is what the scanner of a server would want.
func TestOwnMessages(t *testing.T) {
	f := &farm{host: "127.0.0.1:5060", run: "-run", firstLine: firstLine, lines: make([]line, 30), workers: make([]*worker, 2)}
	w := &worker{farm: f, id: 1, local: "127.0.0.1:7000"}
	sub := &subscription{cseq: 2, expires: 3600}
	sub.tagLen = uint8(copy(sub.tag[:], "srv"))
	got := string(w.appendSubscribe(nil, 61, sub))
	for _, words := range []string{
		"SUBSCRIBE sip:100001@127.0.0.1:5060 SIP/2.0\r\n", "branch=z9hG4bKbm61.2-run\r\n", "From: <sip:100003@127.0.0.1:5060>;tag=p61\r\n",
		"To: <sip:100001@127.0.0.1:5060>;tag=srv\r\n", "Call-ID: 61-run@phone\r\n", "CSeq: 2 SUBSCRIBE\r\n", "Contact: <sip:61@127.0.0.1:7000>\r\n", "Expires: 3600\r\n",
	} {
		if !strings.Contains(got, words) {
			t.Errorf("no %q in\n%s", words, got)
		}
	}
}

// TestProc: of this process, and of what it started.
func TestProc(t *testing.T) {
	pid := []int{os.Getpid()}
	before := cpuOf(pid)
	for end := time.Now().Add(60 * time.Millisecond); time.Now().Before(end); {
		_ = strings.Repeat("x", 1000)
	}
	if used := cpuOf(pid) - before; used < 20*time.Millisecond || used > 10*time.Second {
		t.Errorf("%v of CPU time", used)
	}
	// A tick of /proc's would say all of it or nothing.
	before = cpuOf(pid)
	for end := time.Now().Add(time.Millisecond); time.Now().Before(end); {
		_ = strings.Repeat("x", 1000)
	}
	if used := cpuOf(pid) - before; used <= 0 || used%tick == 0 {
		t.Errorf("%v of CPU time in a moment", used)
	}
	if all, files := memoryOf(pid); all < 1<<20 || all > 1<<36 || files <= 0 || files >= all {
		t.Errorf("%d bytes, %d of files", all, files)
	}
	if p, ok := parseStat([]byte("12 (a) b) (c)) S 7 1 1 0 -1 4 1 1 1 1 5 6 1 2 20 0 1 0 0 0 0")); !ok || p.pid != 12 || p.parent != 7 || p.cpu != 110*time.Millisecond || p.ended != 30*time.Millisecond {
		t.Errorf("%+v %v", p, ok)
	}
}

// TestDrops: the kernel tells what it had no room for.
func TestDrops(t *testing.T) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	addr := c.LocalAddr().(*net.UDPAddr).AddrPort()
	_ = c.SetReadBuffer(4096)
	s, err := openSocket(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	for range 200 {
		s.queue(append(s.next(), make([]byte, 1000)...))
	}
	s.flush()
	if n := dropsAt(addr); n < 100 || n > 200 {
		t.Errorf("%d datagrams were dropped", n)
	}
}

// TestPublisher: each document replaces the one before (RFC 3903 §4.1), and a lost request
// or answer is sent again.
func TestPublisher(t *testing.T) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	etags, requests := map[string]string{}, 0
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			if requests++; requests == 2 {
				continue // lost
			}
			msg := string(buf[:n])
			line := func(name string) string {
				_, rest, _ := strings.Cut(msg, "\r\n"+name+": ")
				value, _, _ := strings.Cut(rest, "\r\n")
				return value
			}
			status := "200 OK"
			if to := line("To"); line("SIP-If-Match") != etags[to] {
				status = "412 Conditional Request Failed"
			} else {
				etags[to] = fmt.Sprint("e", requests)
			}
			_, _ = c.WriteToUDPAddrPort(fmt.Appendf(nil, "SIP/2.0 %s\r\nVia: %s\r\nTo: %s\r\nCSeq: %s\r\nSIP-ETag: %s\r\nContent-Length: 0\r\n\r\n",
				status, line("Via"), line("To"), line("CSeq"), etags[line("To")]), from)
		}
	}()
	p, err := newPublisher(c.LocalAddr().(*net.UDPAddr).AddrPort(), 50, "-x")
	if err != nil {
		t.Fatal(err)
	}
	f := &foreign{at: netip.MustParseAddrPort(p.host), publisher: p}
	for i := range 3 {
		if err := f.set(t.Context(), 0, 50, i%2 == 0); err != nil {
			t.Fatal(err)
		}
	}
	_ = c.Close()
	<-done
	if requests != 151 || len(etags) != 50 {
		t.Errorf("%d requests for %d lines", requests, len(etags))
	}
	if err := f.close(); err != nil {
		t.Error(err)
	}
}
