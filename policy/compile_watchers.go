package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

func (t *tenant) compileWatchers(s *Snapshot, d *Tenant) {
	t.unknown = t.compileUnknown(s)
	primary := map[string]*watcherEntry{}
	for i := range d.Phones {
		p := &d.Phones[i]
		e := t.compilePhone(s, p)
		t.phones[p.Name] = e
		info := PhoneInfo{Tenant: t.name, Name: p.Name, Devices: phoneDevices(p)}
		for j, ref := range p.Lines {
			l, numbers := t.phoneLine(ref)
			info.Lines = append(info.Lines, l)
			for _, n := range numbers {
				if j == 0 && primary[n] == nil {
					primary[n] = e
				}
				t.identify(n, e)
			}
		}
		for _, name := range info.Devices {
			t.identify(t.dial.normalise(DeviceNumber(name)), e)
		}
		if lp := t.profiles[p.LogoutProfile]; lp != nil && len(lp.lines) > 0 {
			info.Lines = lp.lines
			for _, n := range lp.numbers {
				t.identify(n, e)
			}
		}
		t.phoneIndex[p.Name] = i
		t.phoneInfos = append(t.phoneInfos, info)
		t.addCredential(p.Digest, e)
	}
	// A number that several phones have is the one's whose primary line it is.
	for n, e := range primary {
		t.identities[n] = e
	}
	for i := range d.EndUsers {
		u := &d.EndUsers[i]
		e := &watcherEntry{
			kind: WatcherEndUser, name: u.UserID, outcome: Allowed, callLists: true,
			rule:  fmt.Sprintf("end user %s", u.UserID),
			group: t.group(u.PresenceGroup), space: t.space(u.SubscribeCallingSearchSpace),
			profiles: slices.Clone(u.DeviceProfiles), pin: u.PIN,
		}
		t.users[u.UserID] = e
		t.identify(u.UserID, e)
		t.addCredential(u.Digest, e)
	}
	for name, e := range t.phones {
		t.identities[name] = e // a phone's own name is never another's number
	}
}

// identify maps an identity to the first that has it.
func (t *tenant) identify(id string, e *watcherEntry) {
	if id != "" && t.identities[id] == nil {
		t.identities[id] = e
	}
}

func (t *tenant) addCredential(g *Digest, e *watcherEntry) {
	if g == nil {
		return
	}
	t.identify(g.Username, e)
	t.creds[g.Username] = Credential{
		Digest:  *g,
		Watcher: Watcher{Tenant: t.name, Kind: e.kind, ID: e.name, Trusted: true},
	}
}

// compileUnknown is what unknown watchers from trusted networks count as.
func (t *tenant) compileUnknown(s *Snapshot) *watcherEntry {
	e := &watcherEntry{
		kind: WatcherUnknown, outcome: Allowed, callLists: true, space: t.noSpace,
		rule: "unknown_watchers as: " + s.unknownAs,
	}
	g, ok := t.groups[s.unknownAs]
	switch {
	case s.unknownAs == Refuse:
		e.outcome = Refused
	case s.unknownAs == Challenge:
		e.outcome = Challenged
	case !ok: // a learned tenant has the Standard group only
		e.outcome, e.rule = Refused, fmt.Sprintf("unknown_watchers as: tenant has no group %q", s.unknownAs)
	default:
		e.group = g
	}
	return e
}

func (t *tenant) compilePhone(s *Snapshot, p *Phone) *watcherEntry {
	e := &watcherEntry{
		kind: WatcherPhone, name: p.Name, outcome: Allowed,
		rule:  "phone " + p.Name,
		group: t.group(p.PresenceGroup), space: t.space(p.SubscribeCallingSearchSpace),
		provisioned: len(p.BLFButtons) > 0, mobile: p.ExtensionMobility,
	}
	switch p.BLFCallLists {
	case SwitchOn:
		e.callLists, e.callListRule = true, fmt.Sprintf("phone %s: BLF for call lists on", p.Name)
	case SwitchOff:
		e.callLists, e.callListRule = false, fmt.Sprintf("phone %s: BLF for call lists off", p.Name)
	default:
		e.callLists, e.callListRule = s.callLists, "BLF for call lists: "+onOff(s.callLists)
	}
	e.buttons = t.compileButtons(p.BLFButtons, "phone "+p.Name)
	if lp := t.profiles[p.LogoutProfile]; lp != nil {
		e = e.wearing(lp, lp.group, lp.space)
		e.rule = fmt.Sprintf("phone %s, logout profile %s", p.Name, lp.name)
	}
	return e
}

func (t *tenant) compileButtons(list []BLFButton, owner string) (buttons []button) {
	for i := range list {
		n := t.buttonNumber(&list[i])
		if n == "" {
			continue
		}
		rule := fmt.Sprintf("button %d of %s", i+1, owner)
		if list[i].Device {
			rule += ", device-based"
		}
		buttons = append(buttons, button{number: n, rule: rule, device: list[i].Device})
	}
	// Stable, so that of two buttons for a number the first is named.
	slices.SortStableFunc(buttons, func(a, b button) int { return strings.Compare(a.number, b.number) })
	return buttons
}

// buttonNumber is what a button watches as a Target has it: a number, or user@host of a
// foreign host; empty if nothing can be there.
func (t *tenant) buttonNumber(b *BLFButton) string {
	uri := b.uri()
	if uri == "" {
		return t.dial.normalise(b.number())
	}
	user, host := SplitURI(uri)
	h := normaliseHost(host)
	switch {
	case user == "" || h == "":
		return ""
	case slices.Contains(t.domains, h):
	case t.foreign(h):
		return unescape(user) + "@" + h
	case len(t.domains) > 0:
		return ""
	}
	return t.dial.normalise(user)
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// phoneDevices are a phone's device names, each once.
func phoneDevices(p *Phone) []string {
	var out []string
	for _, n := range append([]string{p.Device}, p.Devices...) {
		if n != "" && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// phoneLine resolves one of a phone's lines: to a listed line, or to the number as it is.
// A number without a partition that is in no <None> partition is the first listed one.
func (t *tenant) phoneLine(ref string) (Line, []string) {
	number, partition := splitLine(ref)
	n := t.dial.normalise(number)
	entries := t.numbers[n]
	for _, e := range entries {
		if e.info.Partition == partitionName(partition) {
			return e.info.Line, e.info.Numbers
		}
	}
	if partition == "" && len(entries) > 0 {
		return entries[0].info.Line, entries[0].info.Numbers
	}
	return Line{Tenant: t.name, Partition: partitionName(partition), Number: n}, []string{n}
}

// DeviceNumber is the number that a PBX's device name carries: "1001" of "PJSIP/1001",
// "1001@tenant.example" and "Custom:DND1001" alike; special names are returned whole
// but for the DND flag.
func DeviceNumber(name string) string {
	for _, p := range []string{"Custom:DND", "dnd+"} {
		if rest, ok := strings.CutPrefix(name, p); ok {
			name = rest
		}
	}
	if SpecialName(name) {
		return name
	}
	name = name[strings.LastIndexByte(name, '/')+1:]
	return cmp.Or(name[:max(0, indexOrLen(name, '@'))], name)
}

func indexOrLen(s string, c byte) int {
	if i := strings.IndexByte(s, c); i >= 0 {
		return i
	}
	return len(s)
}
