package line

import (
	"slices"
	"strings"

	"blfbridge/bridge/device"
	"blfbridge/policy"
)

// Plan maps devices to lines. It is immutable: any number of goroutines may ask it, and
// a policy change is a new Plan.
type Plan struct {
	snapshot *policy.Snapshot
	sources  map[string]string // source name → tenant of its devices without a domain
	tenants  map[string]*tenantPlan
}

type tenantPlan struct {
	entries map[policy.Line]*entry
	// numbers finds every line of the document, by all its numbers.
	numbers map[string][]*entry
	// listed finds the lines that list a device, by its name.
	listed map[string][]*entry
	// flags finds the lines that list a do-not-disturb flag, by its name.
	flags map[string][]*entry
	// phones finds the phones that list a device, by its name.
	phones map[string][]*phone
	// primaries finds the phones by the numbers of their primary line.
	primaries map[string][]*phone
	// loose finds the lines without phones that list a device of no phone, by the number
	// in its name: such a device stands for a phone of its own.
	loose map[string][]*entry
}

// entry is a line of the document, or one that a phone of the document has.
type entry struct {
	line    policy.Line
	name    string
	options Options
	numbers []string
	// open: no device is listed, so that every device of the number belongs to it.
	open bool
	// phones share the line, in document order.
	phones []*phone
}

// phone is one of the document.
type phone struct {
	name    string
	primary policy.Line
	entries []*entry
	// bare: it lists no devices, and so stands for those of its lines.
	bare bool
}

// Tenant finds the tenant of a device. known is false while the snapshot has no such
// tenant: once policy.Snapshot.WithDomains is told the domain it has one, unless
// learn_domains is off.
func (p *Plan) Tenant(source string, st *device.Status) (tenant string, known bool) {
	tenant, ok := p.snapshot.TenantOfDevice(st.Domain, p.sources[source])
	if !ok {
		return tenant, false
	}
	return tenant, p.tenants[tenant] != nil
}

// Presentities are the lines to whose lamp the device contributes, by its state or only
// by do-not-disturb: those to compose again when it changes. Each occurs once, in a
// stable order.
func (p *Plan) Presentities(source string, st *device.Status) []policy.Line {
	var out []policy.Line
	add := func(l policy.Line) {
		if !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	for _, r := range p.resolve(source, st) {
		for _, l := range r.lines {
			add(l)
		}
		for _, ph := range r.phones {
			for _, e := range ph.entries {
				add(e.line)
			}
		}
		for _, l := range r.looseLines {
			add(l)
		}
	}
	return out
}

// DevicePresentities are the lines whose device-based lamp (ComposeDevice) the device
// contributes to.
func (p *Plan) DevicePresentities(source string, st *device.Status) []policy.Line {
	var out []policy.Line
	for _, l := range p.Presentities(source, st) {
		if p.partOfDevice(l, source, st) && !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return out
}

// Has reports whether the document has the line, or a phone that has it.
func (p *Plan) Has(l policy.Line) bool { return p.entry(l) != nil }

// DisplayName is the line's own name, empty if the document gives none.
func (p *Plan) DisplayName(l policy.Line) string {
	if e := p.entry(l); e != nil {
		return e.name
	}
	return ""
}

// OptionsOf are the options of a line; the defaults for one that is not listed.
func (p *Plan) OptionsOf(l policy.Line) Options {
	if e := p.entry(l); e != nil {
		return e.options
	}
	return optionsOf(policy.DefaultLineOptions())
}

func (p *Plan) entry(l policy.Line) *entry {
	if t := p.tenants[l.Tenant]; t != nil {
		return t.entries[l]
	}
	return nil
}

// resolved is what a status is to one tenant.
type resolved struct {
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
	}
	number := st.Number
	if number == "" {
		number = policy.DeviceNumber(st.Name)
	}
	r := resolved{number: p.snapshot.Normalise(tenant, number)}
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
	r := resolved{number: p.snapshot.Normalise(tenant, st.Number)}
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
	r := resolved{}
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
