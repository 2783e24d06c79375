package subscription

import (
	"encoding/binary"
	"errors"
	"fmt"

	"blfbridge/policy"
)

// ErrEncoding says that stored bytes are no record of this version.
var ErrEncoding = errors.New("subscription: not a stored record")

// Record is one subscription: a flat value without timer, socket, channel or context.
// Its encoding (AppendBinary) is the stored form.
type Record struct {
	Hot
	cold string // Cold, encoded
}

// encodingVersion is the first byte of every stored record. Fields are only ever
// appended to Cold; a change of Hot raises this number. Version 1, which is read still, had
// every field of Cold in full.
const encodingVersion = 2

// hotSize is the length of the fixed part, version byte included.
const hotSize = 1 + 4*8 + 7*4 + 2*2 + 8

func (c *Cold) fields() [coldFields]*string {
	return [...]*string{
		&c.CallID, &c.LocalTag, &c.RemoteTag, &c.LocalURI, &c.RemoteURI, &c.RemoteTarget, &c.Routes,
		&c.Transport, &c.Local, &c.Remote, &c.Advertised, &c.EventID, &c.EventParams, &c.Accept, &c.Entity,
		&c.DialectName, &c.Tenant, &c.Partition, &c.Number, &c.Special,
		&c.WatcherTenant, &c.WatcherID, &c.Trunk, &c.AppUser, &c.UserAgent, &c.Origin,
	}
}

const coldFields = 26

// New makes a record of its two parts.
func New(h Hot, c Cold) Record {
	r := Record{Hot: h}
	r.SetCold(c)
	return r
}

// Of makes a record of its hot part and of its cold one as Encoded gives it.
func Of(h Hot, encoded string) Record { return Record{h, encoded} }

// Cold returns the readable form of the cold part; its strings share the record's memory.
func (r *Record) Cold() Cold {
	var c Cold
	r.ReadCold(&c)
	return c
}

// ReadCold is Cold into memory that there is.
func (r *Record) ReadCold(c *Cold) {
	*c = Cold{}
	_ = readCold(r.cold, c) // Decode has looked
}

// SetCold replaces the cold part.
func (r *Record) SetCold(c Cold) {
	var store [512]byte
	b := appendCold(store[:0], &c)
	if string(b) != r.cold {
		r.cold = string(b)
	}
}

// Encoded is the cold part as it is kept.
func (r *Record) Encoded() string { return r.cold }

// Size is how many bytes AppendBinary appends.
func (r *Record) Size() int { return hotSize + len(r.cold) }

// AppendBinary appends the stored form. What only a running process knows (a NOTIFY
// outstanding, the interned presentity) is left out.
func (r *Record) AppendBinary(b []byte) ([]byte, error) {
	h := &r.Hot
	b = append(b, encodingVersion)
	for _, v := range [...]int64{h.Expires, h.Created, h.NotBefore, int64(h.BodyHash)} {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	for _, v := range [...]uint32{h.RemoteCSeq, h.CSeq, h.CSeqLimit, h.Version, h.VersionLimit, h.AckedVersion, 0} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	b = binary.LittleEndian.AppendUint16(b, h.Shard)
	b = binary.LittleEndian.AppendUint16(b, 0)
	b = append(b, byte(h.Package), h.Content, byte(h.Status), byte(h.Reason),
		byte(h.Flags&^Outstanding), byte(h.View), h.Failures, byte(h.Kind))
	return append(b, r.cold...), nil
}

// Decode reads a stored record. The presentity id and the dialect index must be set
// again by the caller from Cold.
func Decode(b []byte) (Record, error) {
	var r Record
	if len(b) < hotSize {
		return r, fmt.Errorf("%w: %d bytes", ErrEncoding, len(b))
	}
	version, cold := b[0], string(b[hotSize:])
	if version == 0 || version > encodingVersion {
		return r, fmt.Errorf("%w: version %d, this program reads up to %d", ErrEncoding, version, encodingVersion)
	}
	b = b[1:hotSize]
	u64 := func() (v int64) { v = int64(binary.LittleEndian.Uint64(b)); b = b[8:]; return v }
	u32 := func() (v uint32) { v = binary.LittleEndian.Uint32(b); b = b[4:]; return v }
	h := &r.Hot
	h.Expires, h.Created, h.NotBefore, h.BodyHash = u64(), u64(), u64(), uint64(u64())
	h.RemoteCSeq, h.CSeq, h.CSeqLimit, h.Version, h.VersionLimit, h.AckedVersion, _ = u32(), u32(), u32(), u32(), u32(), u32(), u32()
	h.Shard = binary.LittleEndian.Uint16(b)
	b = b[4:]
	h.Package, h.Content, h.Status, h.Reason = Package(b[0]), b[1], Status(b[2]), Reason(b[3])
	h.Flags, h.View, h.Failures, h.Kind = Flags(b[4])&^Outstanding, policy.View(b[5]), b[6], policy.WatcherKind(b[7])
	if h.Package > Presence || h.Status > Terminated || int(h.Reason) >= len(reasonNames) || h.View > policy.ViewIdle {
		return Record{}, fmt.Errorf("%w: a field is out of range", ErrEncoding)
	}
	var c Cold
	if version == 1 {
		if err := readCold1(cold, &c); err != nil {
			return Record{}, err
		}
		r.SetCold(c)
		return r, nil
	}
	if err := readCold(cold, &c); err != nil {
		return Record{}, err
	}
	r.cold = cold
	return r, nil
}

// uvarint is binary.Uvarint on a string.
func uvarint(s string) (v uint64, n int) {
	for i := 0; i < len(s) && i < 10; i++ {
		c := s[i]
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}
