package bridge_test

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/certs/certstest"
	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
	"blfbridge/bridge/siptest/ladder"
)

// TestStrictPhonesOverConnections: a strict phone's lamp follows a line over every kind of
// connection; a connection that is lost costs no subscription: the lamp is right as soon
// as the phone is back. Where there are certificates they are renewed meanwhile.
func TestStrictPhonesOverConnections(t *testing.T) {
	for _, transport := range []string{"TCP", "TLS", "WS", "WSS"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil, strings.ToLower(transport)+"://127.0.0.1:0")
			if transport == "TLS" || transport == "WSS" {
				w.secure()
			}
			if err := w.start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := w.stop(); err != nil {
					t.Error(err)
				}
			}()
			p, err := siptest.NewPhone(siptest.Config{
				User: "900", Proxy: w.addr(transport).String(), Transport: transport, TLS: w.trust, NoMedia: true,
			})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			s, err := p.Subscribe(t.Context(), siptest.SubscribeConfig{Target: "101"})
			if err != nil {
				t.Fatal(err)
			}
			shows := func(want device.State) {
				t.Helper()
				if _, err := s.WaitLamp(want, 5*time.Second); err != nil {
					t.Fatal(err)
				}
			}
			set := func(st device.State) { w.pbx.report(ladder.PBX{Line: "101", State: st}) }
			shows(device.Idle)
			set(device.Ringing)
			shows(device.Ringing)
			if w.trust != nil {
				w.renew(transport)
			}
			set(device.Busy)
			shows(device.Busy) // on the connection that stood already
			p.DropConnection()
			s.AllowGap() // a NOTIFY may be written to the connection before its end is known
			set(device.Idle)
			if err := s.Refresh(t.Context(), 600); err != nil {
				t.Fatal(err)
			}
			shows(device.Idle)
			set(device.Ringing)
			shows(device.Ringing)
			if err := s.Unsubscribe(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, v := range append(s.Violations(), p.Strays()...) {
				t.Errorf("%s", v)
			}
		})
	}
}

// renew puts another certificate into the files, reloads as SIGHUP does, and sees that the
// next client gets it.
func (w *world) renew(transport string) {
	w.t.Helper()
	w.ca.Write(w.t, w.dir, certstest.Leaf{Names: []string{"127.0.0.1", "renewed.test"}})
	if err := w.b.Reload(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	c, err := tls.Dial("tcp", w.addr(transport).String(), &tls.Config{RootCAs: w.ca.Pool(), ServerName: "renewed.test"})
	if err != nil {
		w.t.Fatal(err)
	}
	_ = c.Close()
}
