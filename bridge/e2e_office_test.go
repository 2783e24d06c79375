package bridge_test

import (
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
	"blfbridge/bridge/siptest/scenario"
)

// digestPolicy knows the watching phone by its credentials alone: nobody is trusted for
// where he comes from.
const digestPolicy = `
unknown_watchers: {trusted_networks: [192.0.2.1], others: challenge}
tenants:
  - name: default
    phones:
      - name: SEP1006
        device: PJSIP/1006
        lines: ["1006"]
        digest: {username: "1006", password: pw1006}
`

// TestOffice plays the calls of an office on a real Asterisk before strict watchers:
// dialog and presence, UDP and TCP, a Yealink, a Cisco and a phone that writes compact
// headers, all with digest. No lamp may be wrong and nobody may complain.
func TestOffice(t *testing.T) {
	t.Parallel()
	onStores(t, func(t *testing.T, st *storage) {
		ast := takeAsterisk(t, st.kind)
		s := newServer(t, setup{store: st, pbx: ast.yaml("office"), policy: digestPolicy})
		s.start()
		compact := watching(t, s.udp, siptest.Config{User: "1006", Password: "pw1006", Compact: true},
			siptest.SubscribeConfig{Target: "*891002", Extra: []siptest.Header{{Name: "Supported", Value: ""}}})
		toOnly := watching(t, s.udp, siptest.Config{User: "1006", Password: "pw1006"},
			siptest.SubscribeConfig{Target: "1002", TargetInToOnly: true})

		pbx := scenario.Asterisk(ast.addr.SIP)
		var text strings.Builder
		p := scenario.Printer{W: &text}
		rep, err := scenario.Run(t.Context(), scenario.Config{
			PBX: pbx, Bridge: s.udp, Watcher: pbx.Users[3], Schemas: schemaFiles,
			Timeout: lampTime, Settle: 150 * time.Millisecond, OnScenario: p.Scenario, OnStep: p.Step,
		}, scenario.Office())
		if err != nil {
			t.Fatalf("%v\n%s", err, text.String())
		}
		p.Report(rep)
		if !rep.OK() || !rep.Validated || rep.Notifies < 200 {
			t.Errorf("not as expected:\n%s", text.String())
		}
		for _, r := range rep.Results {
			if r.Skipped != "" {
				t.Errorf("%s was left out: %s", r.Scenario.Name, r.Skipped)
			}
		}
		for _, w := range []*watch{compact, toOnly} {
			w.saw(device.Ringing, device.Busy, device.Idle)
		}
		if n := s.metric("blfbridge_drift_total"); n != 0 {
			t.Errorf("%v lamps drifted", n)
		}
		t.Logf("worst lamp %v of %d", rep.Latencies()[len(rep.Latencies())-1], len(rep.Latencies()))
	})
}

// TestDigestWrong: wrong credentials and none light no lamp.
func TestDigestWrong(t *testing.T) {
	t.Parallel()
	s := newServer(t, setup{store: newStorage(t, "bolt"), policy: digestPolicy, pbx: "  - {name: nobody, type: asterisk, url: \"http://127.0.0.1:1\", username: a, password: b}\n"})
	s.run()
	for _, c := range []siptest.Config{
		{User: "1006", Password: "wrong"}, {User: "1007", Password: "pw1006"}, {User: "1006"},
	} {
		c.Proxy = s.udp
		p, err := siptest.NewPhone(c)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if _, err := p.Subscribe(t.Context(), siptest.SubscribeConfig{Target: "1001"}); siptest.StatusOf(err) != 401 && siptest.StatusOf(err) != 403 {
			t.Errorf("%s/%s: want 401 or 403, got %v", c.User, c.Password, err)
		}
	}
}
