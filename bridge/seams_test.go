package bridge_test

import (
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"
	"time"

	"blfbridge/bridge/device"
)

// TestNothingPerSubscription: hundreds of subscriptions cost no goroutine each, and their
// NOTIFYs no call of the store each (DESIGN §4). The phones are another process.
func TestNothingPerSubscription(t *testing.T) {
	const watchers = 400
	br, sink, registry := handBridge(t)
	lamp := device.Status{Name: "PJSIP/101", Number: "101", State: device.Idle}
	sink.Snapshot([]device.Status{lamp})

	subscribe := func(n int) {
		t.Helper()
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), benchPhones+"="+br.Addrs()[0].Addr.String(), benchPhones+"_COUNT="+strconv.Itoa(n))
		child.Stderr = os.Stderr
		in, _ := child.StdinPipe()
		out, _ := child.StdoutPipe()
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = in.Close(); _ = child.Wait() })
		if _, err := out.Read(make([]byte, 6)); err != nil {
			t.Fatal("the phones could not subscribe")
		}
	}
	answered := func(n int) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); metricOf(t, registry, "blfbridge_notifies_total") < float64(n); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%v NOTIFYs were answered, want %d", metricOf(t, registry, "blfbridge_notifies_total"), n)
			}
		}
	}
	// Those of the bridge, and of tests that wait for their turn, are there already.
	idle := runtime.NumGoroutine()
	subscribe(watchers)
	answered(watchers)
	if n := metricOf(t, registry, "blfbridge_subscriptions"); n != watchers {
		t.Fatalf("%v subscriptions", n)
	}
	const allowed = 20 // requests that are still in work, and the child's pipes
	if n := runtime.NumGoroutine(); n > idle+allowed {
		t.Errorf("%d goroutines for %d subscriptions, %d without", n, watchers, idle)
	}
	before := metricOf(t, registry, "blfbridge_store_commits_total")
	const changes = 20
	for i := range changes {
		lamp.State, lamp.At = []device.State{device.Busy, device.Idle}[i%2], time.Now()
		sink.Change(lamp)
		answered(watchers * (i + 2))
	}
	t.Logf("%d goroutines, %d before", runtime.NumGoroutine(), idle)
	// The lamp is kept at each change; versions and CSeqs are reserved in blocks.
	n := metricOf(t, registry, "blfbridge_store_commits_total") - before
	t.Logf("%v commits for %d NOTIFYs", n, watchers*changes)
	if n > 3*changes {
		t.Error("a NOTIFY must not call the store")
	}
}
