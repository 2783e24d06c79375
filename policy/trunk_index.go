package policy

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

// trunkIndex recognises the trunks of all tenants by where a request comes from. It is
// asked for every SUBSCRIBE: one look into a map for each length of prefix in use.
type trunkIndex struct {
	// bits are the prefix lengths in use, the longest first, of IPv4 and of IPv6.
	bits4, bits6 []int
	nets         map[netip.Prefix][]trunkAt
	subjects     map[string][]trunkAt // lower case
}

// trunkAt is a trunk behind an address or a certificate.
type trunkAt struct {
	tenant string
	order  int    // of the tenant in the document
	port   uint16 // 0 = any
	trunk  *trunkEntry
}

// indexTrunks makes the index of the listed tenants; nil if there are no such trunks.
func (s *Snapshot) indexTrunks() *trunkIndex {
	x := &trunkIndex{nets: map[netip.Prefix][]trunkAt{}, subjects: map[string][]trunkAt{}}
	for order, name := range s.listed {
		t := s.tenants[name]
		for i := range t.trunkInfos {
			at := trunkAt{tenant: name, order: order, trunk: t.trunks[t.trunkInfos[i].Name]}
			for _, src := range at.trunk.sources {
				at.port = src.port
				x.nets[src.net] = append(x.nets[src.net], at)
			}
			at.port = 0
			for _, subject := range at.trunk.subjects {
				subject = strings.ToLower(subject)
				x.subjects[subject] = append(x.subjects[subject], at)
			}
		}
	}
	if len(x.nets)+len(x.subjects) == 0 {
		return nil
	}
	for p, list := range x.nets {
		// Of two trunks of one address that of the port; else the first listed.
		slices.SortStableFunc(list, func(a, b trunkAt) int { return cmp.Compare(b.port, a.port) })
		bits := &x.bits6
		if p.Addr().Is4() {
			bits = &x.bits4
		}
		if !slices.Contains(*bits, p.Bits()) {
			*bits = append(*bits, p.Bits())
		}
	}
	for _, bits := range [][]int{x.bits4, x.bits6} {
		slices.SortFunc(bits, func(a, b int) int { return b - a })
	}
	return x
}

// byAddress finds the trunk of an address: the closest of that tenant, else the closest of
// the first listed tenant that has one. Zero if there is none.
func (x *trunkIndex) byAddress(tenant string, from netip.AddrPort) (best trunkAt) {
	addr := from.Addr().Unmap().WithZone("")
	bits := x.bits6
	if addr.Is4() {
		bits = x.bits4
	}
	for _, n := range bits {
		p, _ := addr.Prefix(n) // n is a length of this family
		for _, at := range x.nets[p] {
			if at.port == 0 || at.port == from.Port() {
				if at.tenant == tenant {
					return at
				}
				best = best.or(at)
			}
		}
	}
	return best
}

// byName finds the trunk of a certificate's subject names.
func (x *trunkIndex) byName(tenant string, names []string) (best trunkAt) {
	for _, name := range names {
		for _, at := range x.subjects[strings.ToLower(name)] {
			if at.tenant == tenant {
				return at
			}
			best = best.or(at)
		}
	}
	return best
}

// or keeps what was found first, but for a tenant that is listed earlier.
func (at trunkAt) or(o trunkAt) trunkAt {
	if at.trunk == nil || o.order < at.order {
		return o
	}
	return at
}
