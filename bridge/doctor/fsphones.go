package doctor

import (
	"encoding/xml"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"

	"blfbridge/bridge/config"
	"blfbridge/bridge/pickup"
)

// xmlNode is an element of FreeSWITCH's configuration, with the attributes that matter here.
type xmlNode struct {
	XMLName     xml.Name
	Name        string    `xml:"name,attr"`
	Value       string    `xml:"value,attr"`
	Field       string    `xml:"field,attr"`
	Expression  string    `xml:"expression,attr"`
	Continue    string    `xml:"continue,attr"`
	Application string    `xml:"application,attr"`
	Data        string    `xml:"data,attr"`
	Nodes       []xmlNode `xml:",any"`
}

// all are the elements of a kind, at whatever depth, in their order.
func (n *xmlNode) all(kind string) (list []*xmlNode) {
	for i := range n.Nodes {
		c := &n.Nodes[i]
		if c.XMLName.Local == kind {
			list = append(list, c)
		}
		list = append(list, c.all(kind)...)
	}
	return list
}

// params are settings in their order; the last one of a name counts, but for lists.
func (n *xmlNode) params(name string) (values []string) {
	for _, p := range n.all("param") {
		if strings.EqualFold(p.Name, name) {
			values = append(values, p.Value)
		}
	}
	return values
}

// locate reads a part of the configuration; nil if FreeSWITCH does not tell.
func (s *eventSocket) locate(what string) *xmlNode {
	reply, err := s.command("api xml_locate " + what)
	var n xmlNode
	if err != nil || !strings.HasPrefix(reply, "<") || xml.Unmarshal([]byte(reply), &n) != nil {
		return nil
	}
	return &n
}

// contexts are those of the users of the directory: where their calls begin.
func (s *eventSocket) contexts() (list []string) {
	reply, err := s.command("api list_users")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(reply) {
		// userid|context|domain|…; a user without a context does not call.
		f := strings.Split(strings.TrimSpace(line), "|")
		if len(f) > 3 && f[0] != "userid" && f[1] != "" && f[1] != "n/a" && !slices.Contains(list, f[1]) {
			list = append(list, f[1])
		}
	}
	return list
}

// switchPhones looks at what concerns the phones of a FreeSWITCH.
func (d *Doctor) switchPhones(s *eventSocket, p *config.PBX, name string, say func(Finding)) {
	contexts := s.contexts()
	plans := map[string]*xmlNode{}
	for _, c := range contexts {
		plans[c] = s.locate("dialplan context name " + c)
	}
	say(presenceID(name, contexts, plans))
	edge := d.Config.Edge.Enabled && p.SIP != ""
	if edge {
		d.switchProfile(s, p, name, say)
	}
	switch {
	case p.Pickup == "dialplan":
		say(d.switchCode(p, name, contexts, plans))
	case edge:
		say(nativePickup(name, contexts, plans))
	}
}

// switchProfile looks whether phones behind the edge still need their passwords.
func (d *Doctor) switchProfile(s *eventSocket, p *config.PBX, name string, say func(Finding)) {
	name += "profile"
	const print = "'blfbridge pbx-config freeswitch' prints the settings of the profile; then 'sofia profile NAME restart'"
	_, host, port, err := config.SplitSIP(p.SIP)
	conf := s.locate("configuration configuration name sofia.conf")
	if err != nil || conf == nil {
		say(warning(name, print, "FreeSWITCH does not tell its settings (%v)", err))
		return
	}
	var profile *xmlNode
	for _, n := range conf.all("profile") {
		if slices.Contains(n.params("sip-port"), fmt.Sprint(port)) {
			profile = n
		}
	}
	if profile == nil {
		say(warning(name, "is "+d.key("pbx.sip")+" the sip-port of the profile of the phones?", "no profile has port %d in its settings", port))
		return
	}
	var wrong []string
	for _, want := range []struct {
		setting string
		on      bool
		but     string
	}{
		{"auth-calls", true, "calls need no password"},
		{"accept-blind-reg", false, "registrations need no password"},
		{"accept-blind-auth", false, "any password is good"},
		{"manage-presence", true, "phones cannot PUBLISH do not disturb"},
	} {
		values := profile.params(want.setting)
		if on := len(values) > 0 && isTrue(values[len(values)-1]); on != want.on {
			wrong = append(wrong, fmt.Sprintf("%s is %v: %s", want.setting, on, want.but))
		}
	}
	if own, err := net.Dial("udp", net.JoinHostPort(host, fmt.Sprint(port))); err == nil {
		from, _, _ := net.SplitHostPort(own.LocalAddr().String())
		_ = own.Close()
		for _, setting := range []string{"apply-inbound-acl", "apply-register-acl"} {
			for _, list := range profile.params(setting) {
				list, _, _ = strings.Cut(list, ":") // list:context if it matches:context if not
				if reply, err := s.command("api acl " + from + " " + list); err == nil && strings.HasPrefix(reply, "true") {
					wrong = append(wrong, fmt.Sprintf("%s=%s lets %s in: who comes through the edge needs no password", setting, list, from))
				}
			}
		}
	}
	if len(wrong) > 0 {
		say(failed(name, print, "%s: %s", profile.Name, strings.Join(wrong, "; ")))
		return
	}
	say(ok(name, "%s: phones prove who they are; Path is supported without a setting", profile.Name))
}

// isTrue is switch_true of FreeSWITCH.
func isTrue(s string) bool {
	return slices.Contains([]string{"yes", "on", "true", "t", "enabled", "active", "allow", "1"}, strings.ToLower(s))
}

// presenceID looks whether the dialplan calls phones so that they have a line: user/ does by
// itself.
func presenceID(name string, contexts []string, plans map[string]*xmlNode) Finding {
	name += "presence_id"
	const fix = "call phones by user/NUMBER@DOMAIN in the dialplan, or write {presence_id=NUMBER@DOMAIN} before ${sofia_contact(…)}, then 'reloadxml'"
	if len(contexts) == 0 {
		return warning(name, "give users a user_context in the directory", "the directory tells of no phone")
	}
	for _, c := range contexts {
		if plans[c] == nil {
			return warning(name, fix, "FreeSWITCH does not tell the dialplan of %s", c)
		}
		for _, a := range plans[c].all("action") {
			if a.Application == "bridge" && strings.Contains(a.Data, "sofia_contact(") && !strings.Contains(a.Data, "presence_id=") {
				return failed(name, fix, "who is called by bridge %s in the context %s lights no lamp", a.Data, c)
			}
		}
	}
	return ok(name, "phones that %s calls have lines", names(contexts))
}

// takes reports whether an extension is for what is dialled. Expressions that Go does not
// read take nothing.
func (n *xmlNode) takes(dialled string) bool {
	return slices.ContainsFunc(n.all("condition"), func(c *xmlNode) bool {
		form, err := regexp.Compile(c.Expression)
		return c.Field == "destination_number" && c.Expression != "" && err == nil && form.MatchString(dialled)
	})
}

// nativePickup looks whether who picks up too late would be connected to somebody.
func nativePickup(name string, contexts []string, plans map[string]*xmlNode) Finding {
	name += "pickup"
	for _, c := range contexts {
		if plans[c] == nil {
			continue // presenceID has said so
		}
		for _, x := range plans[c].all("extension") {
			if !isTrue(x.Continue) && x.takes(pickup.Nobody) {
				return failed(name, "let its condition take only what it is for, such as ^\\d+$, then 'reloadxml'",
					"the extension %q of the context %s takes whatever is dialled: who picks up too late gets it", x.Name, c)
			}
		}
	}
	return ok(name, "native: INVITE with Replaces is understood; the dialplan needs no pickup code")
}

// switchCode looks whether the PBX's own pickup code is in the dialplan of each phone, and
// whether the calls that it looks for are noted.
func (d *Doctor) switchCode(p *config.PBX, name string, contexts []string, plans map[string]*xmlNode) Finding {
	name += "pickup"
	fix := "add what 'blfbridge pbx-config freeswitch' prints for the dialplan, then 'reloadxml'; or set " + d.key("pbx.pickup") + " to native"
	for _, c := range contexts {
		if plans[c] == nil {
			return warning(name, fix, "FreeSWITCH does not tell the dialplan of %s", c)
		}
		code, notes := false, false
		for _, x := range plans[c].all("extension") {
			takes := x.takes(p.PickupCode + "1001")
			for _, a := range x.all("action") {
				code = code || takes && (a.Application == "intercept" || a.Application == "pickup")
				notes = notes || strings.Contains(a.Data, "pickup/") || strings.Contains(a.Data, "insert/") && strings.Contains(a.Data, "last_dial_ext")
			}
		}
		switch {
		case !code:
			return failed(name, fix, "there is no %s and number in the context %s", p.PickupCode, c)
		case !notes:
			return failed(name, fix, "in the context %s no call is noted before its bridge (hash insert): %s finds none", c, p.PickupCode)
		}
	}
	return ok(name, "dialplan: %s and number is in the context %s", p.PickupCode, names(contexts))
}
