package ari

import (
	"testing"

	"blfbridge/bridge/device"
)

func TestStateOfRaw(t *testing.T) {
	for raw, want := range map[string]device.State{
		"UNKNOWN": device.Unknown, "NOT_INUSE": device.Idle, "INUSE": device.Busy, "BUSY": device.Busy,
		"INVALID": device.Unknown, "UNAVAILABLE": device.Unknown, "RINGING": device.Ringing,
		"RINGINUSE": device.Busy, "ONHOLD": device.Busy, "": device.Unknown, "LEVITATING": device.Unknown,
	} {
		if got := stateOfRaw(raw); got != want {
			t.Errorf("%q shows %v, want %v", raw, got, want)
		}
	}
}

func TestStateOfSpecial(t *testing.T) {
	for _, tc := range []struct {
		name, raw string
		want      device.State
	}{
		{"park:701@parkedcalls", "NOT_INUSE", device.Idle},
		{"park:701@parkedcalls", "INUSE", device.Busy},
		{"park:701@nowhere", "INVALID", device.Unknown},
		{"confbridge:800", "INVALID", device.Idle}, // nobody was in it yet
		{"Queue:support", "INVALID", device.Idle},
		{"Queue:support", "RINGING", device.Ringing},
		{"Custom:night", "UNKNOWN", device.Unknown},
		{"Stasis:night", "BUSY", device.Busy},
	} {
		if got := stateOfSpecial(tc.name, tc.raw); got != tc.want {
			t.Errorf("%s %s shows %v, want %v", tc.name, tc.raw, got, tc.want)
		}
	}
}

func TestDeviceOfChannel(t *testing.T) {
	for name, want := range map[string]string{
		"PJSIP/1001-0000000c":         "PJSIP/1001",
		"PJSIP/my-phone-0000000c":     "PJSIP/my-phone",
		"SIP/peer@host-00000001":      "SIP/peer@host",
		"DAHDI/1-1":                   "DAHDI/1",
		"Local/1001@blf-00000001;2":   "Local/1001@blf", // of no use, but not here
		"PJSIP/1001-0000000c<ZOMBIE>": "",
		"PJSIP/1001-0000000c<MASQ>":   "",
		"PJSIP/1001":                  "",
		"PJSIP/-1":                    "",
		"/1001-1":                     "",
		"":                            "",
		"CBAnn/800-00000001;1":        "CBAnn/800",
	} {
		if got := deviceOfChannel(name); got != want {
			t.Errorf("the device of %q is %q, want %q", name, got, want)
		}
	}
}

func TestClassify(t *testing.T) {
	m := newModel("Custom:DND", []string{"Custom:night", "Agent:1"})
	m.techs["Carrier"] = true // GET /endpoints listed one
	for _, tc := range []struct {
		name   string
		kind   device.Kind
		number string
		ok     bool
	}{
		{"PJSIP/1001", device.Phone, "1001", true},
		{"SIP/anna", device.Phone, "anna", true},
		{"Carrier/x", device.Phone, "x", true},
		{"Custom:DND1001", device.DNDFlag, "1001", true},
		{"Custom:DND", 0, "", false},
		{"Custom:night", device.Special, "", true},
		{"Custom:day", 0, "", false},
		{"Agent:1", device.Special, "", true},
		{"park:701@parkedcalls", device.Special, "", true},
		{"confbridge:800", device.Special, "", true},
		{"Queue:support", device.Special, "", true},
		{"Stasis:night", device.Special, "", true},
		{"Local/1001@blf", 0, "", false},
		{"CBAnn/800", 0, "", false},
		{"", 0, "", false},
	} {
		kind, number, ok := m.classify(tc.name)
		if kind != tc.kind || number != tc.number || ok != tc.ok {
			t.Errorf("%q is %v %q %v, want %v %q %v", tc.name, kind, number, ok, tc.kind, tc.number, tc.ok)
		}
	}
}

func TestLegs(t *testing.T) {
	num := device.Party{Number: "1002", Name: "Bob"}
	for _, tc := range []struct {
		name string
		seen []astChannel // one after the other
		held bool
		dial []string // Dial statuses of which it is the caller
		dir  device.Direction
		ph   device.Phase
		far  string
	}{
		{"dialled, nothing heard", []astChannel{{state: "Ring", exten: "1002"}}, false, nil, device.Initiator, device.Trying, "1002"},
		{"dialled, far end reached", []astChannel{{state: "Ring", exten: "1002"}}, false, []string{""}, device.Initiator, device.Proceeding, "1002"},
		{"dialled, far end rings", []astChannel{{state: "Ring", exten: "1002"}}, false, []string{"", "RINGING"}, device.Initiator, device.Early, "1002"},
		{"one of two gives up, the other rings", []astChannel{{state: "Ring", exten: "1100"}}, false, []string{"", "RINGING", "BUSY"}, device.Initiator, device.Early, "1100"},
		{"answered", []astChannel{{state: "Ring", exten: "1002"}, {state: "Up", exten: "1002", connected: num}}, false, nil, device.Initiator, device.Confirmed, "1002"},
		{"holds", []astChannel{{state: "Ring", exten: "1002"}, {state: "Up", connected: num}}, true, nil, device.Initiator, device.Held, "1002"},
		{"answered by a dialplan", []astChannel{{state: "Ring", exten: "*97"}, {state: "Up", exten: "s"}}, false, nil, device.Initiator, device.Confirmed, "*97"},
		{"hears busy", []astChannel{{state: "Ring", exten: "1002"}, {state: "Busy"}}, false, nil, device.Initiator, device.Trying, "1002"},
		{"called, not ringing", []astChannel{{state: "Down", exten: "s", connected: num}}, false, nil, device.Recipient, device.Trying, "1002"},
		{"called, rings", []astChannel{{state: "Down", exten: "s"}, {state: "Ringing", connected: num}}, false, nil, device.Recipient, device.Early, "1002"},
		{"called, an older view comes late", []astChannel{{state: "Ringing", connected: num}, {state: "Down"}}, false, nil, device.Recipient, device.Early, "1002"},
		{"called, first seen up", []astChannel{{state: "Up", app: "AppDial", connected: num}}, false, nil, device.Recipient, device.Confirmed, "1002"},
		{"called by a queue, first seen up", []astChannel{{state: "Up", app: "AppQueue", connected: num}}, false, nil, device.Recipient, device.Confirmed, "1002"},
		{"called, nobody known", []astChannel{{state: "Ringing", exten: "1001"}}, false, nil, device.Recipient, device.Early, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLeg(tc.seen[0], 1)
			for _, c := range tc.seen[1:] {
				l.update(c, true)
			}
			for _, s := range tc.dial {
				l.progress(s)
			}
			l.held = tc.held
			c := l.call()
			if c.Direction != tc.dir || c.Phase != tc.ph || c.Remote.Number != tc.far {
				t.Errorf("%v %v %q, want %v %v %q", c.Direction, c.Phase, c.Remote.Number, tc.dir, tc.ph, tc.far)
			}
		})
	}
}
