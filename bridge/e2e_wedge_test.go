package bridge_test

import (
	"testing"
	"time"

	"blfbridge/bridge/device"
)

// TestWedge: ARI is locked up as by Asterisk issue 2170: the handshake of new event
// sockets hangs while /asterisk/info answers. It is recognised within 10 s and alarmed,
// the lines are unknown after the grace period, and all is well after a restart.
func TestWedge(t *testing.T) {
	t.Parallel()
	onStores(t, func(t *testing.T, st *storage) {
		ast := takeAsterisk(t, st.kind)
		proxy := newARIProxy(t, ast.addr.ARI)
		ast.phones(t, "1001")
		s := newServer(t, setup{store: st, pbx: ast.yamlAt(proxy.url, "wedge", "grace: 3s")})
		s.start()
		w := dialogWatch(t, s.udp, "1001")
		w.shows(device.Idle)

		proxy.hang.Store(true)
		lost := time.Now()
		proxy.cut()
		s.eventually(10*time.Second, "the alarm", func() error { return want(s.metric("blfbridge_ari_wedged"), 1) })
		t.Logf("recognised after %v", time.Since(lost).Round(100*time.Millisecond))
		s.logged(time.Second, "level=ERROR", "source=ast")
		w.shows(device.Unknown)

		// As the alarm says, a restart of Asterisk mends it.
		proxy.hang.Store(false)
		ast.stop(t, false)
		ast.start(t)
		if _, err := w.WaitLamp(device.Idle, 20*time.Second); err != nil {
			t.Fatal(err)
		}
		s.eventually(lampTime, "the end of the alarm", func() error { return want(s.metric("blfbridge_ari_wedged"), 0) })
	})
}

// mendARI waits until the bridge is connected. Killing a client of ARI may lock it up for
// good (Asterisk issue 2170): then the bridge must say so within 10 s, and Asterisk is
// restarted, as the alarm asks for.
func mendARI(t *testing.T, s *server, ast *pbx) {
	t.Helper()
	for end := time.Now().Add(12 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if s.metric("blfbridge_ari_up") == 1 {
			return
		}
		if s.metric("blfbridge_ari_wedged") == 1 {
			t.Log("killing the bridge has locked up this Asterisk's ARI; it was recognised and Asterisk is restarted")
			ast.stop(t, true)
			ast.start(t)
			s.ready()
			return
		}
	}
	t.Fatal("neither connected nor alarmed")
}
