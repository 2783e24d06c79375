package line

import (
	"slices"

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
