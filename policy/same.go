package policy

import (
	"maps"
	"slices"
)

// SameLines reports whether devices and phones make the same lines under both snapshots,
// as package line sees it: nothing but who may watch what can differ. It looks at every
// line and phone once.
func (s *Snapshot) SameLines(o *Snapshot) bool {
	return s.fallback == o.fallback && s.learnDomains == o.learnDomains &&
		slices.Equal(s.listed, o.listed) && slices.Equal(s.learned, o.learned) &&
		maps.EqualFunc(s.hosts, o.hosts, func(a, b *tenant) bool { return a.name == b.name }) &&
		maps.EqualFunc(s.tenants, o.tenants, (*tenant).sameLines)
}

func (t *tenant) sameLines(o *tenant) bool {
	if t == o {
		return true
	}
	return t.listed == o.listed && t.learn == o.learn && sameDialling(t, o) && slices.Equal(t.domains, o.domains) &&
		maps.Equal(t.claims, o.claims) &&
		slices.EqualFunc(t.lines, o.lines, func(a, b *lineEntry) bool { return a == b || a.info.shownAs(&b.info) }) &&
		slices.EqualFunc(t.phoneInfos, o.phoneInfos, func(a, b PhoneInfo) bool {
			return a.Name == b.Name && slices.Equal(a.Devices, b.Devices) && slices.Equal(a.Lines, b.Lines)
		})
}

// shownAs reports whether both lines are made of the same devices in the same way.
func (l *LineInfo) shownAs(o *LineInfo) bool {
	a, b := &l.Options, &o.Options
	return l.Line == o.Line && l.DisplayName == o.DisplayName && slices.Equal(l.Numbers, o.Numbers) &&
		slices.Equal(l.Devices, o.Devices) && slices.Equal(l.DNDDevices, o.DNDDevices) &&
		a.RingInUse == b.RingInUse && a.RingInAs == b.RingInAs && a.UnregisteredAs == b.UnregisteredAs && a.OffhookAs == b.OffhookAs
}
