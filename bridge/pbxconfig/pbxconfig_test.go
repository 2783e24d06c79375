package pbxconfig

import (
	"errors"
	"strings"
	"testing"

	"blfbridge/bridge/config"
)

func configOf(change func(*config.Config)) *config.Config {
	c := config.Defaults()
	a := config.DefaultPBX()
	a.Name, a.Type, a.URL, a.Username, a.Password = "ast", "asterisk", "http://127.0.0.1:18088", "blf", "geheim"
	a.SIP = "udp://127.0.0.1:5060"
	f := config.DefaultPBX()
	f.Name, f.Type, f.Address, f.Password = "fs", "freeswitch", "127.0.0.1", "clue"
	c.PBX = []config.PBX{a, f}
	c.SIP.Listen = []string{"udp://192.0.2.10:5060"}
	if change != nil {
		change(c)
	}
	return c
}

func TestWrite(t *testing.T) {
	edge := func(c *config.Config) { c.Edge.Enabled = true; c.PBX[1].SIP = "udp://127.0.0.1:5080" }
	for name, c := range map[string]struct {
		kind       string
		change     func(*config.Config)
		has, hasNo []string
	}{
		"asterisk beside": {"asterisk", nil, []string{"[blf]", "password = geheim", "bindport = 18088", "Pickup(${EXTEN:3}"}, []string{"support_path", "websocket.so ;", "[blfbridge-udp]"}},
		"asterisk, edge":  {"asterisk", edge, []string{"support_path = yes", "192.0.2.10", "NO section of type=identify", "bind = 127.0.0.1:5060"}, []string{"exten =>", "transport_websocket"}},
		"asterisk, dialplan": {"asterisk", func(c *config.Config) {
			edge(c)
			c.PBX[0].Pickup, c.PBX[0].PickupCode = "dialplan", "*8"
		}, []string{"exten => _*8X.,1,Pickup(${EXTEN:2}@${CONTEXT})", "func_dialplan.so"}, []string{"res_pjsip_refer"}},
		"asterisk, a code that could be a pattern": {"asterisk", func(c *config.Config) {
			edge(c)
			c.PBX[0].Pickup, c.PBX[0].PickupCode = "dialplan", "*N"
		}, []string{"exten => _*[N]X.,1,Pickup(${EXTEN:2}@${CONTEXT})"}, nil},
		"asterisk, web phones, tcp": {"asterisk", func(c *config.Config) {
			edge(c)
			c.SIP.Listen = append(c.SIP.Listen, "wss://0.0.0.0:8443")
			c.PBX[0].SIP = "tcp://pbx.example"
		}, []string{"res_pjsip_transport_websocket.so", "[blfbridge-tcp]", "bind = 0.0.0.0:5060"}, nil},
		"freeswitch":       {"freeswitch", nil, []string{`value="8021"`, `value="clue"`, "presence_id=NUMBER@DOMAIN"}, []string{"intercept", "acl", "esl-"}},
		"freeswitch, edge": {"freeswitch", edge, []string{"accept-blind-auth", "192.0.2.10"}, []string{"intercept"}},
		"freeswitch, another host": {"freeswitch", func(c *config.Config) {
			c.PBX[1].Address, c.PBX[1].Password = "192.0.2.20:8022", `a"<&b`
			c.SIP.Listen = append(c.SIP.Listen, "udp://[2001:db8::10]:5060")
		}, []string{`value="192.0.2.20"`, `value="8022"`, `"a&#34;&lt;&amp;b"`, `"apply-inbound-acl" value="blfbridge"`, `cidr="192.0.2.10/32"`, `cidr="2001:db8::10/128"`}, nil},
		"freeswitch, by name": {"freeswitch", func(c *config.Config) { c.PBX[1].Address = "pbx.test"; c.SIP.Listen = []string{"udp://0.0.0.0:5060"} },
			[]string{`"listen-ip" value="::"`, "THE ADDRESS OF BLFBRIDGE"}, nil},
		"freeswitch, user": {"freeswitch", func(c *config.Config) { c.PBX[1].Username = "blf@pbx.test" },
			[]string{"esl-password", `"clue"`, `<user id="blf">`, "the domain pbx.test", `"allow-empty-password" value="false"`}, nil},
		"freeswitch, code": {"freeswitch", func(c *config.Config) { c.PBX[1].Pickup, c.PBX[1].PickupCode = "dialplan", "**" }, []string{`\Q**\E`, "intercept"}, nil},
	} {
		text, err := Write(configOf(c.change), c.kind, "")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, w := range c.has {
			if !strings.Contains(text, w) {
				t.Errorf("%s: %q is missing in\n%s", name, w, text)
			}
		}
		for _, w := range c.hasNo {
			if strings.Contains(text, w) {
				t.Errorf("%s: %q is too much in\n%s", name, w, text)
			}
		}
	}
	if _, err := Write(configOf(func(c *config.Config) { c.PBX = c.PBX[:1] }), "freeswitch", ""); !errors.Is(err, ErrNone) {
		t.Errorf("none: %v", err)
	}
	if _, err := Write(configOf(func(c *config.Config) { c.PBX[1].Type = "asterisk" }), "asterisk", ""); err == nil || !strings.Contains(err.Error(), "ast, fs") {
		t.Errorf("several: %v", err)
	}
}
