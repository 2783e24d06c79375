package line

import (
	"slices"

	"blfbridge/bridge/device"
	"blfbridge/policy"
)

// OtherLines are the lines that one of two plans has and the other has not, or that they
// compose otherwise of the same devices; in no order.
func (p *Plan) OtherLines(o *Plan) (out []policy.Line) {
	for name, t := range p.tenants {
		ot := o.tenants[name]
		for l, e := range t.entries {
			if ot == nil || !e.same(ot.entries[l]) {
				out = append(out, l)
			}
		}
	}
	for name, ot := range o.tenants {
		t := p.tenants[name]
		for l := range ot.entries {
			if t == nil || t.entries[l] == nil {
				out = append(out, l)
			}
		}
	}
	return out
}

// SameDevice reports whether a device is the same to both plans: part of the same lines,
// of the same phones. Only its name, kind, number and domain matter.
func (p *Plan) SameDevice(o *Plan, source string, st *device.Status) bool {
	return slices.EqualFunc(p.resolve(source, st), o.resolve(source, st), func(a, b resolved) bool {
		return a.tenant == b.tenant && a.number == b.number && slices.Equal(a.lines, b.lines) &&
			slices.Equal(a.looseLines, b.looseLines) && slices.EqualFunc(a.phones, b.phones, (*phone).same)
	})
}

func (e *entry) same(o *entry) bool {
	return o != nil && e.name == o.name && e.options == o.options && e.open == o.open &&
		slices.Equal(e.numbers, o.numbers) && slices.EqualFunc(e.phones, o.phones, (*phone).same)
}

func (ph *phone) same(o *phone) bool {
	return ph.name == o.name && ph.primary == o.primary && ph.bare == o.bare &&
		slices.EqualFunc(ph.entries, o.entries, func(a, b *entry) bool { return a.line == b.line })
}
