package sipua

import (
	"net/netip"
)

// way is what a SUBSCRIBE tells about where its sender can be reached.
type way struct {
	mode NATMode
	// source is where it came from; sentBy what its Via claims, invalid if a name.
	source, sentBy netip.AddrPort
	// asked: the port of source is known to be the sender's (rport).
	asked bool
	// contact is where the Contact points, invalid if that cannot be found out.
	contact netip.AddrPort
}

// target says where NOTIFYs go: to the Contact, or to the source if it stands behind a
// NAT. It is behind one if
//   - the Via shows that the packet was rewritten on its way (address, or with rport
//     port) and the Contact names the same address as the Via: neither is ours to use;
//   - the Contact is an address of a narrower scope than the source: private seen from
//     a public source, loopback seen from outside, or no address at all.
func (w way) target() netip.AddrPort {
	if !w.contact.IsValid() || w.contact.Addr().IsUnspecified() || w.contact.Port() == 0 {
		return w.source
	}
	switch w.mode {
	case NATSource:
		return w.source
	case NATContact:
		return w.contact
	}
	rewritten := w.sentBy.IsValid() && (w.sentBy.Addr() != w.source.Addr() || w.asked && w.sentBy.Port() != w.source.Port())
	if rewritten && w.contact == w.sentBy || scope(w.contact.Addr()) < scope(w.source.Addr()) {
		return w.source
	}
	return w.contact
}

var sharedSpace = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598

// scope orders addresses by how far they can be reached.
func scope(a netip.Addr) int {
	switch {
	case a.IsLoopback():
		return 0
	case a.IsLinkLocalUnicast():
		return 1
	case a.IsPrivate(), sharedSpace.Contains(a):
		return 2
	}
	return 3
}
