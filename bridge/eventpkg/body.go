package eventpkg

import (
	"strconv"

	"github.com/cespare/xxhash/v2"
)

// Body is a rendered NOTIFY body: the same bytes for every watcher that shares view,
// dialect and entity. Only the version differs per subscription. Bytes must not be
// modified.
type Body struct {
	// Bytes is the document without the digits of its version.
	Bytes []byte
	// VersionAt is where the digits belong, or -1 for a form without version.
	VersionAt int
}

// Append appends the complete document with the given version to dst.
func (b Body) Append(dst []byte, version uint32) []byte {
	if b.VersionAt < 0 {
		return append(dst, b.Bytes...)
	}
	dst = append(dst, b.Bytes[:b.VersionAt]...)
	dst = strconv.AppendUint(dst, uint64(version), 10)
	return append(dst, b.Bytes[b.VersionAt:]...)
}

// Len returns the length of the complete document with the given version.
func (b Body) Len(version uint32) int {
	if b.VersionAt < 0 {
		return len(b.Bytes)
	}
	return len(b.Bytes) + digits(version)
}

// Hash is a 64-bit hash of what is shown, without the version: equal hashes need no
// NOTIFY. It is stable over processes and machines, since it is stored.
func (b Body) Hash() uint64 { return xxhash.Sum64(b.Bytes) }

func digits(v uint32) int {
	n := 1
	for ; v >= 10; v /= 10 {
		n++
	}
	return n
}
