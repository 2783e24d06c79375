package policy

import (
	"fmt"
	"slices"
	"strings"
)

func (v *validator) routes(path string, t *Tenant, r *refs) {
	groups, lists := newNameSet(), newNameSet()
	for i, g := range t.RouteGroups {
		at := fmt.Sprintf("%s.route_groups[%d]", path, i)
		v.unique(at+".name", "route group", g.Name, groups)
		v.members(at+".trunks", "trunk", g.Trunks, r.trunks)
	}
	for i, l := range t.RouteLists {
		at := fmt.Sprintf("%s.route_lists[%d]", path, i)
		v.unique(at+".name", "route list", l.Name, lists)
		v.members(at+".route_groups", "route group", l.RouteGroups, groups)
	}
	to := func(at, partition, trunk, list string) {
		v.partition(at+".partition", partition, r)
		switch {
		case (trunk == "") == (list == ""):
			v.add(at, "a route pattern has a trunk or a route_list, one of them")
		case trunk != "":
			v.reference(at+".trunk", "trunk", trunk, r.trunks)
		default:
			v.reference(at+".route_list", "route list", list, lists)
		}
	}
	seen := map[[2]string]bool{}
	once := func(at, partition, pattern string) {
		k := [2]string{partitionName(partition), pattern}
		if seen[k] {
			v.add(at+".pattern", "pattern %q is in partition %q already", pattern, partitionOrNone(partition))
		}
		seen[k] = true
	}
	for i := range t.RoutePatterns {
		p := &t.RoutePatterns[i]
		at := fmt.Sprintf("%s.route_patterns[%d]", path, i)
		if _, err := parsePattern(p.Pattern); err != nil {
			v.add(at+".pattern", "%q is no route pattern: %v", p.Pattern, err)
		}
		if p.DiscardPreDot && !strings.Contains(p.Pattern, ".") {
			v.add(at+".discard_predot", "the pattern %q has no dot", p.Pattern)
		}
		if strings.ContainsFunc(p.PrefixDigits, func(c rune) bool { return !strings.ContainsRune("0123456789*#+", c) }) {
			v.add(at+".prefix_digits", "%q is not possible: digits, *, # and +", p.PrefixDigits)
		}
		once(at, p.Partition, p.Pattern)
		to(at, p.Partition, p.Trunk, p.RouteList)
	}
	for i := range t.SIPRoutePatterns {
		p := &t.SIPRoutePatterns[i]
		at := fmt.Sprintf("%s.sip_route_patterns[%d]", path, i)
		host := strings.TrimPrefix(p.Pattern, "*.")
		if !validHost(host) {
			v.add(at+".pattern", "%q is no host, IP address or *.domain", p.Pattern)
		} else if slices.ContainsFunc(t.Domains, func(d string) bool { return matchHost(normalisePattern(p.Pattern), normaliseHost(d)) }) {
			v.add(at+".pattern", "%q is a domain of this tenant", p.Pattern)
		}
		once(at, p.Partition, normalisePattern(p.Pattern))
		to(at, p.Partition, p.Trunk, p.RouteList)
	}
	if t.DefaultPresenceTrunk != "" {
		v.reference(path+".default_presence_trunk", "trunk", t.DefaultPresenceTrunk, r.trunks)
	}
}

// normalisePattern makes a SIP route pattern comparable with normalised hosts.
func normalisePattern(p string) string { return normaliseHost(p) }

// members must exist and differ.
func (v *validator) members(path, kind string, list []string, names *nameSet) {
	for i, name := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		v.reference(at, kind, name, names)
		if slices.Contains(list[:i], name) {
			v.add(at, "%s %q is listed twice", kind, name)
		}
	}
}

func (v *validator) huntPilots(path string, t *Tenant, r *refs) {
	pilots := map[Line]string{}
	for i := range t.HuntPilots {
		p := &t.HuntPilots[i]
		at := fmt.Sprintf("%s.hunt_pilots[%d]", path, i)
		v.partition(at+".partition", p.Partition, r)
		if v.number(at+".number", p.Number) {
			k := Line{Partition: partitionName(p.Partition), Number: r.dial.normalise(p.Number)}
			other, taken := r.lines[k]
			if !taken {
				other, taken = pilots[k]
			}
			if taken {
				v.add(at+".number", "number %q is in partition %q already, at %s", p.Number, partitionOrNone(p.Partition), other)
			}
			pilots[k] = at
		}
		for j, m := range p.Members {
			v.phoneLine(fmt.Sprintf("%s.members[%d]", at, j), m, t, r)
		}
	}
}
