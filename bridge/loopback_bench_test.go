package bridge_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"blfbridge/bridge"
	"blfbridge/bridge/compositor"
	"blfbridge/bridge/config"
	"blfbridge/bridge/device"
)

// benchPhones names the bridge that the child process of BenchmarkLoopback subscribes to.
const benchPhones = "BLFBRIDGE_BENCH_PHONES"

func init() {
	if addr := os.Getenv(benchPhones); addr != "" {
		watchers, _ := strconv.Atoi(os.Getenv(benchPhones + "_COUNT"))
		phones(addr, watchers)
		os.Exit(0)
	}
}

// phones subscribes watchers times to 101 from one socket and answers every NOTIFY with
// 200 until its standard input is closed. It prints "ready" when all are subscribed.
func phones(addr string, watchers int) {
	bridge, _ := net.ResolveUDPAddr("udp", addr)
	conn, err := net.DialUDP("udp", nil, bridge)
	if err != nil {
		panic(err)
	}
	_ = conn.SetReadBuffer(8 << 20)
	go func() { _, _ = os.Stdin.Read(make([]byte, 1)); os.Exit(0) }()
	local := conn.LocalAddr().String()
	subscribe := func(i int) {
		_, _ = fmt.Fprintf(conn, "SUBSCRIBE sip:101@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bKs%d\r\n"+
			"Max-Forwards: 70\r\nFrom: <sip:200@%s>;tag=t%d\r\nTo: <sip:101@%s>\r\nCall-ID: bench-%d@phone\r\nCSeq: 1 SUBSCRIBE\r\n"+
			"Contact: <sip:200@%s>\r\nEvent: dialog\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n", addr, local, i, addr, i, addr, i, local)
	}
	subscribed, buf, out := 0, make([]byte, 65536), make([]byte, 0, 2048)
	subscribe(0)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		msg := buf[:n]
		if bytes.HasPrefix(msg, []byte("SIP/2.0 200")) {
			if subscribed++; subscribed < watchers {
				subscribe(subscribed)
			} else {
				fmt.Println("ready")
			}
			continue
		}
		if !bytes.HasPrefix(msg, []byte("NOTIFY ")) {
			fmt.Fprintf(os.Stderr, "%s\n", msg)
			continue
		}
		out = append(out[:0], "SIP/2.0 200 OK\r\n"...)
		for line := range bytes.SplitSeq(msg, []byte("\r\n")) {
			if len(line) == 0 {
				break
			}
			for _, h := range [...]string{"Via:", "From:", "To:", "Call-ID:", "CSeq:"} {
				if bytes.HasPrefix(line, []byte(h)) {
					out = append(append(out, line...), "\r\n"...)
				}
			}
		}
		_, _ = conn.Write(append(out, "Content-Length: 0\r\n\r\n"...))
	}
}

// handSource is a PBX that a test plays by hand.
type handSource struct{ sink chan compositor.Sink }

func (s handSource) Name() string { return "hand" }

func (s handSource) Run(ctx context.Context, sink compositor.Sink) error {
	s.sink <- sink
	<-ctx.Done()
	return nil
}

// BenchmarkLoopback is the whole bridge over UDP on loopback: a device changes, and every
// watcher's NOTIFY is sent and its 200 received; the phones are another process. ns/op is
// per NOTIFY; "CPU-µs/NOTIFY" is the bridge's user and system time.
func BenchmarkLoopback(b *testing.B) {
	for _, watchers := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("watchers=%d", watchers), func(b *testing.B) { loopback(b, watchers) })
	}
}

// handBridge runs a bridge over UDP on loopback, on the embedded store, whose only PBX is
// played by hand, until the test ends.
func handBridge(tb testing.TB) (*bridge.Bridge, compositor.Sink, *prometheus.Registry) {
	tb.Helper()
	cfg := config.Defaults()
	cfg.SIP.Listen = []string{"udp://127.0.0.1:0"}
	cfg.Store.Path, cfg.Admin.Listen = tb.TempDir()+"/blf.db", ""
	pbx := config.DefaultPBX()
	pbx.Name = "hand"
	cfg.PBX = []config.PBX{pbx}
	src := handSource{make(chan compositor.Sink, 1)}
	registry := prometheus.NewRegistry()
	br, err := bridge.New(bridge.Options{Config: cfg, Registry: registry,
		Source: func(config.PBX, *slog.Logger, prometheus.Registerer) (compositor.Source, error) { return src, nil }})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- br.Run(ctx) }()
	tb.Cleanup(func() { cancel(); <-done })
	return br, <-src.sink, registry
}

func loopback(b *testing.B, watchers int) {
	br, sink, registry := handBridge(b)
	set := func(s device.State) {
		d := device.Status{Name: "PJSIP/101", Number: "101", State: s, At: time.Now()}
		if s == device.Ringing {
			d.Calls = []device.Call{{ID: "1", Direction: device.Recipient, Phase: device.Early, Remote: device.Party{Number: "102", Name: "Bob Two"}}}
		}
		sink.Change(d)
	}
	sink.Snapshot([]device.Status{{Name: "PJSIP/101", Number: "101", State: device.Idle}})

	child := exec.CommandContext(b.Context(), os.Args[0])
	child.Env = append(os.Environ(), benchPhones+"="+br.Addrs()[0].Addr.String(), benchPhones+"_COUNT="+strconv.Itoa(watchers))
	child.Stderr = os.Stderr
	in, _ := child.StdinPipe()
	stdout, _ := child.StdoutPipe()
	if err := child.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = in.Close(); _ = child.Wait() }()
	if _, err := stdout.Read(make([]byte, 6)); err != nil {
		b.Fatal("the phones could not subscribe")
	}
	ok := existing(b, registry, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "blfbridge_notifies_total", Help: "NOTIFYs that ended, by outcome: the final status, or timeout."}, []string{"outcome"})).WithLabelValues("200")
	answered := func() int {
		var m dto.Metric
		_ = ok.Write(&m)
		return int(m.GetCounter().GetValue())
	}
	wait := func(n int) {
		for deadline := time.Now().Add(30 * time.Second); answered() < n; time.Sleep(20 * time.Microsecond) {
			if time.Now().After(deadline) {
				b.Fatalf("%d NOTIFYs were answered, want %d", answered(), n)
			}
		}
	}
	wait(watchers)
	base, sent := watchers, 0
	before := cpuTime()
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; sent < b.N; i++ {
		set([]device.State{device.Ringing, device.Idle}[i%2])
		sent += watchers
		wait(base + sent)
	}
	b.StopTimer()
	b.ReportMetric(float64((cpuTime()-before).Microseconds())/float64(sent), "CPU-µs/NOTIFY")
	b.ReportMetric(float64(sent)/b.Elapsed().Seconds(), "NOTIFY/s")
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// existing is the registered twin of a collector: reading it costs no Gather.
func existing[C prometheus.Collector](tb testing.TB, r prometheus.Registerer, c C) C {
	tb.Helper()
	var already prometheus.AlreadyRegisteredError
	if err := r.Register(c); !errors.As(err, &already) {
		tb.Fatalf("the metric is not registered as the benchmark knows it: %v", err)
	}
	return already.ExistingCollector.(C)
}
