package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Route is how an external presentity is reached. Read only.
type Route struct {
	// Name is Decision.Route.
	Name string
	// Trunks are the SIP trunks to try, in this order.
	Trunks []string
	entry  *routeEntry
}

// Dial is what to ask the other end for: the number as the route rewrites it. A SIP URI
// ("user@host") stays.
func (r Route) Dial(number string) string {
	e := r.entry
	if e == nil || e.host != "" || e.fallback {
		return number
	}
	if e.discard {
		if pre, ok := e.pattern.match(number); ok {
			number = strings.TrimPrefix(number, "+")[pre:]
		}
	}
	return e.prefix + number
}

// Default reports that it is the tenant's default presence trunk: for numbers that no
// route pattern matches and no PBX has.
func (r Route) Default() bool { return r.entry != nil && r.entry.fallback }

// Route finds a Decision's route within the tenant of its Line.
func (s *Snapshot) Route(tenant, name string) (Route, bool) {
	t := s.tenants[tenant]
	if t == nil || t.routing.names[name] == nil {
		return Route{}, false
	}
	e := t.routing.names[name]
	r := Route{Name: name, entry: e}
	for _, k := range e.trunks {
		r.Trunks = append(r.Trunks, k.name)
	}
	return r, true
}

// routing are a tenant's compiled routes.
type routing struct {
	names   map[string]*routeEntry
	numbers map[uint32]*patternTable // by partition
	// hosts are the SIP route patterns of a partition, the closest first.
	hosts    map[uint32][]*routeEntry
	fallback *routeEntry
}

type routeEntry struct {
	name      string
	partition string
	pattern   pattern
	text      string // the pattern as written
	host      string // of a SIP route pattern
	fallback  bool
	discard   bool
	prefix    string
	// listed are the trunks' names, trunks those of them that are SIP.
	listed []string
	trunks []*trunkEntry
	// noSIPRule refuses where no trunk is.
	noSIPRule string
}

func (t *tenant) compileRouting(d *Tenant) {
	t.routing = routing{names: map[string]*routeEntry{}, numbers: map[uint32]*patternTable{}, hosts: map[uint32][]*routeEntry{}}
	r := &t.routing
	for i := range d.RoutePatterns {
		p := &d.RoutePatterns[i]
		e := &routeEntry{text: p.Pattern, partition: partitionName(p.Partition), discard: p.DiscardPreDot, prefix: p.PrefixDigits}
		e.pattern, _ = parsePattern(p.Pattern) // validated
		e.name = routeName("route pattern", p.Pattern, e.partition)
		e.listed = routeTrunks(d, p.Trunk, p.RouteList)
		r.names[e.name] = e
		partition := t.partitions[p.Partition]
		if r.numbers[partition] == nil {
			r.numbers[partition] = &patternTable{narrow: map[uint16][]*routeEntry{}}
		}
		r.numbers[partition].add(e)
	}
	for _, table := range r.numbers {
		table.sort()
	}
	for i := range d.SIPRoutePatterns {
		p := &d.SIPRoutePatterns[i]
		e := &routeEntry{text: p.Pattern, partition: partitionName(p.Partition), host: normalisePattern(p.Pattern)}
		e.name = routeName("SIP route pattern", e.host, e.partition)
		e.listed = routeTrunks(d, p.Trunk, p.RouteList)
		r.names[e.name] = e
		r.hosts[t.partitions[p.Partition]] = append(r.hosts[t.partitions[p.Partition]], e)
	}
	for _, list := range r.hosts {
		slices.SortFunc(list, func(a, b *routeEntry) int {
			_, wildA := strings.CutPrefix(a.host, "*.")
			_, wildB := strings.CutPrefix(b.host, "*.")
			if wildA != wildB {
				if wildB {
					return -1
				}
				return 1
			}
			return cmp.Or(len(b.host)-len(a.host), strings.Compare(a.host, b.host))
		})
	}
	if d.DefaultPresenceTrunk != "" {
		r.fallback = &routeEntry{name: fmt.Sprintf("default presence trunk %q", d.DefaultPresenceTrunk), fallback: true, listed: []string{d.DefaultPresenceTrunk}}
		r.names[r.fallback.name] = r.fallback
	}
}

func routeName(kind, pattern, partition string) string {
	if partition == "" {
		return fmt.Sprintf("%s %q", kind, pattern)
	}
	return fmt.Sprintf("%s %q in partition %q", kind, pattern, partition)
}

// routeTrunks are the trunks of a route in their order, each once.
func routeTrunks(d *Tenant, trunk, list string) (names []string) {
	if trunk != "" {
		return []string{trunk}
	}
	for _, l := range d.RouteLists {
		if l.Name != list {
			continue
		}
		for _, group := range l.RouteGroups {
			for _, g := range d.RouteGroups {
				if g.Name != group {
					continue
				}
				for _, k := range g.Trunks {
					if !slices.Contains(names, k) {
						names = append(names, k)
					}
				}
			}
		}
	}
	return names
}

// resolve puts the compiled trunks in.
func (r *routing) resolve(t *tenant) {
	for _, e := range r.names {
		for _, name := range e.listed {
			if k := t.trunks[name]; k.sip {
				e.trunks = append(e.trunks, k)
			}
		}
		e.noSIPRule = e.name + ": no SIP trunk there"
	}
}

// number finds the route of a number: of the first partition that has one the closest
// pattern, and without any the default presence trunk if orDefault.
func (r *routing) number(sp *space, number string, orDefault bool) *routeEntry {
	if key, ok := beginning(strings.TrimPrefix(number, "+")); ok && len(r.numbers) > 0 {
		for _, p := range sp.partitions {
			if e := r.numbers[p].find(key, number); e != nil {
				return e
			}
		}
	}
	if !orDefault || SpecialName(number) {
		return nil
	}
	return r.fallback
}

// foreign finds the route of a foreign host.
func (r *routing) foreign(sp *space, host string) *routeEntry {
	for _, p := range sp.partitions {
		for _, e := range r.hosts[p] {
			if matchHost(e.host, host) {
				return e
			}
		}
	}
	return r.fallback
}

// knows reports whether any SIP route pattern matches a host.
func (r *routing) knows(host string) bool {
	for _, list := range r.hosts {
		for _, e := range list {
			if matchHost(e.host, host) {
				return true
			}
		}
	}
	return false
}
