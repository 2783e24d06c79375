package sipua

import (
	"encoding/binary"
	"net/netip"
)

// stunCookie is RFC 5389 §6's.
const stunCookie = 0x2112A442

// isSTUN reports whether a datagram is a STUN binding request: SIP never begins with a NUL.
func isSTUN(b []byte) bool {
	return len(b) >= 20 && b[0] == 0 && b[1] == 1 && binary.BigEndian.Uint32(b[4:]) == stunCookie &&
		int(binary.BigEndian.Uint16(b[2:])) == len(b)-20
}

// appendSTUN answers one with the address it came from: the keep-alive by which a phone
// notices that its NAT has forgotten it (RFC 5626 §4.4.2, §8; RFC 5389 §15.2). The answer
// is at most 24 bytes longer than the question.
func appendSTUN(dst, request []byte, from netip.AddrPort) []byte {
	ip := from.Addr().AsSlice()
	family := byte(1)
	if len(ip) == 16 {
		family = 2
	}
	dst = binary.BigEndian.AppendUint16(dst, 0x0101)
	dst = binary.BigEndian.AppendUint16(dst, uint16(8+len(ip))) //nolint:gosec // 12 or 24
	dst = append(dst, request[4:20]...)
	dst = append(dst, 0x00, 0x20, 0, byte(4+len(ip)), 0, family) // XOR-MAPPED-ADDRESS
	dst = binary.BigEndian.AppendUint16(dst, from.Port()^stunCookie>>16)
	for i, c := range ip {
		dst = append(dst, c^request[4+i])
	}
	return dst
}
