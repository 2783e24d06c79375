package edge

import (
	"encoding/binary"
	"net/netip"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
)

// sixBit marks IPv6 addresses in the first byte of a written flow; below it stand the
// transport's bits, above it the writer's own.
const sixBit = 1 << 3

// appendFlow writes a flow: 13 bytes, 37 over IPv6. extra goes into the upper four bits
// of the first one.
func appendFlow(b []byte, f notifier.Flow, extra byte) []byte {
	first := byte(f.Transport) | extra<<4
	if f.Remote.Addr().Is4() {
		b = append(b, first)
		l, r := f.Local.Addr().As4(), f.Remote.Addr().As4()
		b = binary.BigEndian.AppendUint16(append(b, l[:]...), f.Local.Port())
		return binary.BigEndian.AppendUint16(append(b, r[:]...), f.Remote.Port())
	}
	b = append(b, first|sixBit)
	l, r := f.Local.Addr().As16(), f.Remote.Addr().As16()
	b = binary.BigEndian.AppendUint16(append(b, l[:]...), f.Local.Port())
	return binary.BigEndian.AppendUint16(append(b, r[:]...), f.Remote.Port())
}

// readFlow is the inverse of appendFlow; ok is false if b is too short.
func readFlow(b []byte) (f notifier.Flow, extra byte, rest []byte, ok bool) {
	if len(b) == 0 {
		return f, 0, nil, false
	}
	first := b[0]
	n := 4
	if first&sixBit != 0 {
		n = 16
	}
	if f.Transport = subscription.Transport(first & 7); f.Transport > subscription.WSS || len(b) < 1+2*(n+2) {
		return f, 0, nil, false
	}
	b = b[1:]
	end := func() netip.AddrPort {
		a, _ := netip.AddrFromSlice(b[:n])
		p := binary.BigEndian.Uint16(b[n:])
		b = b[n+2:]
		return netip.AddrPortFrom(a, p)
	}
	f.Local = end()
	f.Remote = end()
	return f, first >> 4, b, true
}
