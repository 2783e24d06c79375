package line

import (
	"slices"
	"strings"

	"blfbridge/bridge/device"
	"blfbridge/policy"
)

// resolved is what a status is to one tenant.
type resolved struct {
	tenant string
	// lines take its state; of a flag, the lines whose own flag it is.
	lines []policy.Line
	// phones of the document that it is a device of, or whose primary line's flag it is.
	phones []*phone
	// number is the primary number of the phone that it stands for by itself, or whose
	// flag it is.
	number string
	// looseLines hold devices that stand for a phone of that number; of flags only.
	looseLines []policy.Line
}

// resolve finds the tenants that a device belongs to: its own, unless only others list
// it by name, and what it is there. A domain settles the tenant.
func (p *Plan) resolve(source string, st *device.Status) []resolved {
	tenant, ok := p.Tenant(source, st)
	if ok && (st.Domain != "" || p.tenants[tenant].mentions(st.Name)) {
		return []resolved{p.resolveIn(tenant, st)}
	}
	var out []resolved
	if st.Domain == "" {
		for _, name := range p.snapshot.Tenants() {
			if p.tenants[name].mentions(st.Name) {
				out = append(out, p.resolveIn(name, st))
			}
		}
	}
	if len(out) == 0 && ok {
		out = append(out, p.resolveIn(tenant, st))
	}
	return out
}

func (t *tenantPlan) mentions(name string) bool {
	return len(t.listed[name]) > 0 || len(t.flags[name]) > 0 || len(t.phones[name]) > 0
}

func (p *Plan) resolveIn(tenant string, st *device.Status) resolved {
	t := p.tenants[tenant]
	switch st.Kind {
	case device.DNDFlag:
		return p.resolveFlag(tenant, t, st)
	case device.Special:
		return p.resolveSpecial(tenant, t, st)
	default:
		return p.resolvePhone(tenant, t, st)
	}
}

func (p *Plan) resolvePhone(tenant string, t *tenantPlan, st *device.Status) resolved {
	number := st.Number
	if number == "" {
		number = policy.DeviceNumber(st.Name)
	}
	r := resolved{tenant: tenant, number: p.snapshot.Normalise(tenant, number)}
	for _, e := range t.listed[st.Name] {
		r.lines = append(r.lines, e.line)
	}
	for _, e := range t.numbers[r.number] {
		if e.open && !slices.Contains(r.lines, e.line) {
			r.lines = append(r.lines, e.line)
		}
	}
	if len(t.numbers[r.number]) == 0 && r.number != "" && p.snapshot.Learns(tenant, st.Name) {
		r.lines = append(r.lines, policy.Line{Tenant: tenant, Number: r.number})
	}
	if r.phones = t.phones[st.Name]; len(r.phones) == 0 {
		r.phones = p.barePhones(r.lines)
	}
	return r
}

// barePhones are the phones without devices of their own whose primary line is one of
// the lines, or that alone have one of them: the device is theirs.
func (p *Plan) barePhones(lines []policy.Line) []*phone {
	var out []*phone
	for _, l := range lines {
		if e := p.entry(l); e != nil {
			for _, ph := range e.phones {
				if ph.bare && (ph.primary == l || len(e.phones) == 1) && !slices.Contains(out, ph) {
					out = append(out, ph)
				}
			}
		}
	}
	return out
}

func (p *Plan) resolveFlag(tenant string, t *tenantPlan, st *device.Status) resolved {
	r := resolved{tenant: tenant, number: p.snapshot.Normalise(tenant, st.Number)}
	for _, e := range t.flags[st.Name] {
		r.lines = append(r.lines, e.line)
	}
	if r.number == "" {
		return r
	}
	for _, e := range t.numbers[r.number] {
		if !slices.Contains(r.lines, e.line) {
			r.lines = append(r.lines, e.line)
		}
	}
	if len(t.numbers[r.number]) == 0 && p.snapshot.Learns(tenant, st.Name) {
		r.lines = append(r.lines, policy.Line{Tenant: tenant, Number: r.number})
	}
	r.phones = t.primaries[r.number]
	for _, e := range t.loose[r.number] {
		r.looseLines = append(r.looseLines, e.line)
	}
	return r
}

func (p *Plan) resolveSpecial(tenant string, t *tenantPlan, st *device.Status) resolved {
	name := SpecialNumber(st)
	r := resolved{tenant: tenant}
	for _, key := range []string{st.Name, name} {
		for _, e := range t.listed[key] {
			if !slices.Contains(r.lines, e.line) {
				r.lines = append(r.lines, e.line)
			}
		}
	}
	if len(r.lines) == 0 && p.snapshot.Learns(tenant, st.Name) {
		r.lines = append(r.lines, policy.Line{Tenant: tenant, Number: name})
	}
	return r
}

// SpecialNumber is the number under which a special device is watched. Without a domain
// it is the device's name ("park:701@parkedcalls"); where the PBX has domains, kind and
// number ("park:5900" of "park:5900@tenant.example"), as the user part of a URI has them.
func SpecialNumber(st *device.Status) string {
	kind, _, ok := strings.Cut(st.Name, ":")
	if st.Domain == "" || st.Number == "" || !ok {
		return st.Name
	}
	return kind + ":" + st.Number
}
