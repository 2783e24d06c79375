package siptest_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// TestReadLampGoldens reads the server's own bodies with the phones' parser: the two
// share no code, so what they agree on is what the standard says.
func TestReadLampGoldens(t *testing.T) {
	const dialog, pidf = "application/dialog-info+xml", "application/pidf+xml"
	held := siptest.Lamp{State: device.Busy, Held: true}
	for _, c := range []struct {
		file, kind string
		want       siptest.Lamp
	}{
		{"default/dialog-info/idle/number.xml", dialog, siptest.Lamp{State: device.Idle}},
		{"default/dialog-info/ringing/number.xml", dialog, siptest.Lamp{State: device.Ringing}},
		{"default/dialog-info/busy/number.xml", dialog, siptest.Lamp{State: device.Busy}},
		{"default/dialog-info/held/number.xml", dialog, held},
		{"yealink/dialog-info/unknown/number.xml", dialog, siptest.Lamp{State: device.Unknown}},
		{"default/dialog-info/dnd/number.xml", dialog, siptest.Lamp{State: device.Busy}},
		{"default/dialog-info/unknown/number.xml", dialog, siptest.Lamp{State: device.Busy}},
		{"default/dialog-info/ringing/ringing.xml", dialog, siptest.Lamp{State: device.Ringing}},
		{"asterisk-hold/dialog-info/held/number.xml", dialog, held},
		{"default/pidf/idle/number.xml", pidf, siptest.Lamp{State: device.Idle}},
		{"default/pidf/ringing/number.xml", pidf, siptest.Lamp{State: device.Ringing}},
		{"default/pidf/busy/number.xml", pidf, siptest.Lamp{State: device.Busy}},
		{"default/pidf/held/number.xml", pidf, held},
		{"default/pidf/dnd/number.xml", pidf, siptest.Lamp{State: device.DND}},
		{"default/pidf/unknown/number.xml", pidf, siptest.Lamp{State: device.Unknown}},
		{"cisco-enterprise/pidf/idle/number.xml", pidf, siptest.Lamp{State: device.Idle}},
		{"cisco-enterprise/pidf/ringing/number.xml", pidf, siptest.Lamp{State: device.Ringing}},
		{"cisco-enterprise/pidf/busy/number.xml", pidf, siptest.Lamp{State: device.Busy}},
		{"cisco-enterprise/pidf/dnd/number.xml", pidf, siptest.Lamp{State: device.DND}},
		{"cisco-enterprise/pidf/unknown/number.xml", pidf, siptest.Lamp{State: device.Unknown}},
	} {
		body, err := os.ReadFile(filepath.Join("../eventpkg/testdata/golden", c.file))
		if err != nil {
			t.Error(err)
			continue
		}
		l, err := siptest.ReadLamp(c.kind, body)
		if err != nil || l.State != c.want.State || l.Held != c.want.Held || l.Entity == "" {
			t.Errorf("%s: %+v, %v; want %v held %v", c.file, l, err, c.want.State, c.want.Held)
		}
		if c.kind == dialog && (!l.Full || !l.HasVersion || l.Version != 7) {
			t.Errorf("%s: %+v", c.file, l)
		}
	}
}

// TestReadLampSeveral: the lamp of several dialogs is that of the furthest one.
func TestReadLampSeveral(t *testing.T) {
	body := `<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="3" state="full" entity="sip:1@x">
<dialog id="a"><state>terminated</state></dialog>
<dialog id="b" direction="recipient"><state>early</state></dialog>
<dialog id="c" direction="initiator"><state>confirmed</state><remote><identity display="Bob">sip:2@x</identity></remote></dialog>
</dialog-info>`
	l, err := siptest.ReadLamp("application/dialog-info+xml; charset=utf-8", []byte(body))
	if err != nil || l.State != device.Busy || l.Calls != 2 || l.Remote != "sip:2@x" || l.RemoteName != "Bob" {
		t.Errorf("%+v, %v", l, err)
	}
}

func TestReadLampErrors(t *testing.T) {
	for name, c := range map[string][2]string{
		"unknown type":       {"text/plain", "idle"},
		"no version":         {"application/dialog-info+xml", `<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info"/>`},
		"presence as dialog": {"application/dialog-info+xml", `<presence xmlns="urn:ietf:params:xml:ns:pidf" version="1" entity="x"/>`},
		"dialog as presence": {"application/pidf+xml", `<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" entity="x"/>`},
		"no entity":          {"application/pidf+xml", `<presence xmlns="urn:ietf:params:xml:ns:pidf"/>`},
		"cut off":            {"application/pidf+xml", `<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="x"><tuple>`},
	} {
		if l, err := siptest.ReadLamp(c[0], []byte(c[1])); !errors.Is(err, siptest.ErrBody) {
			t.Errorf("%s: %+v, %v", name, l, err)
		}
	}
}

func FuzzReadLamp(f *testing.F) {
	f.Add(dialogInfo(1, "early"))
	f.Add(`<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="x"><tuple id="a"><status><basic>open</basic></status></tuple></presence>`)
	f.Fuzz(func(t *testing.T, body string) {
		for _, kind := range []string{"application/dialog-info+xml", "application/pidf+xml"} {
			if l, err := siptest.ReadLamp(kind, []byte(body)); err == nil && l.State > device.DND {
				t.Errorf("%+v", l)
			}
		}
	})
}
