package subscription

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// The encoding of a Cold: of each field in order a uvarint, whose lowest bit says what the
// others are: 0 the length of the bytes that follow, 1 a short word for what needs no bytes,
// since most fields of a subscription repeat each other: a word of the list below, or a part
// of an earlier field. Fields that are not there are empty.
//
// Neither the list nor the numbers of parts change their meaning, since records are stored.
var words = [...]string{
	"", "UDP", "TCP", "TLS", "WS", "WSS", "default", "application/dialog-info+xml", "application/pidf+xml",
	"application/dialog-info+xml, application/pidf+xml", "Standard", "application/pidf+xml, application/xpidf+xml",
}

// part says how a field follows from an earlier one: by which rule, and the field's number.
type part struct {
	rule  uint8
	field uint8
}

const (
	partSame     = iota + 1 // as it is
	partURI                 // what stands in angle brackets
	partHost                // what stands between @ and the next ; or >
	partUserHost            // what stands in angle brackets, without its scheme
	partUser                // what stands between the first : and @
	partRules
)

func (p part) of(s string) string {
	switch p.rule {
	case partSame:
		return s
	case partURI, partUserHost:
		_, s, _ = strings.Cut(s, "<")
		s, _, _ = strings.Cut(s, ">")
		if p.rule == partUserHost {
			_, s, _ = strings.Cut(s, ":")
		}
		return s
	case partHost:
		_, s, _ = strings.Cut(s, "@")
		if i := strings.IndexAny(s, ";>"); i >= 0 {
			s = s[:i]
		}
		return s
	case partUser:
		_, s, _ = strings.Cut(s, ":")
		s, _, _ = strings.Cut(s, "@")
		return s
	}
	return ""
}

// code is the word for a part, above those of the list.
func (p part) code() uint64 { return uint64(p.field)*8 + uint64(p.rule) + 64 }

func partOf(code uint64) part { return part{uint8(code & 7), uint8((code - 64) >> 3)} } //nolint:gosec // checked by the caller

// Numbers of fields, in the order of Cold.fields.
const (
	fieldLocalURI, fieldRemoteURI, fieldRemoteTarget = 3, 4, 5
	fieldTransport, fieldLocal, fieldRemote          = 7, 8, 9
	fieldAdvertised, fieldAccept, fieldEntity        = 10, 13, 14
	fieldDialect, fieldTenant, fieldPartition        = 15, 16, 17
	fieldNumber, fieldWatcherTenant, fieldWatcherID  = 18, 20, 21
	fieldOrigin                                      = 25
)

// repeats is what a field usually is; words are looked at where listed is set.
var repeats = [coldFields]struct {
	part
	listed bool
}{
	fieldTransport: {listed: true}, fieldAccept: {listed: true}, fieldDialect: {listed: true}, fieldPartition: {listed: true},
	fieldTenant:     {listed: true},
	fieldLocal:      {part: part{partHost, fieldLocalURI}},
	fieldRemote:     {part: part{partHost, fieldRemoteTarget}},
	fieldAdvertised: {part: part{partSame, fieldLocal}}, fieldEntity: {part: part{partURI, fieldLocalURI}},
	fieldNumber: {part: part{partUser, fieldEntity}}, fieldWatcherTenant: {part: part{partSame, fieldTenant}},
	fieldWatcherID: {part: part{partUserHost, fieldRemoteURI}}, fieldOrigin: {part: part{partSame, fieldRemote}},
}

// appendCold writes the encoding.
func appendCold(b []byte, c *Cold) []byte {
	fields := c.fields()
	last := coldFields
	for last > 0 && *fields[last-1] == "" {
		last--
	}
next:
	for i, f := range fields[:last] {
		r := &repeats[i]
		switch {
		case *f == "":
		case r.rule != 0 && *f == r.of(*fields[r.field]):
			b = binary.AppendUvarint(b, r.code()<<1|1)
			continue
		case r.listed:
			for w, s := range words {
				if *f == s {
					b = binary.AppendUvarint(b, uint64(w)<<1|1) //nolint:gosec // a few
					continue next
				}
			}
		}
		b = binary.AppendUvarint(b, uint64(len(*f))<<1)
		b = append(b, *f...)
	}
	return b
}

// readCold is the inverse of appendCold; the strings of c are parts of s.
func readCold(s string, c *Cold) error {
	fields := c.fields()
	for i := 0; i < coldFields && len(s) > 0; i++ {
		n, w := uvarint(s)
		if w <= 0 {
			return fmt.Errorf("%w: field %d is cut", ErrEncoding, i)
		}
		s = s[w:]
		if n&1 == 0 {
			if n >>= 1; uint64(len(s)) < n {
				return fmt.Errorf("%w: field %d is cut", ErrEncoding, i)
			}
			*fields[i], s = s[:n], s[n:]
			continue
		}
		switch n >>= 1; {
		case n < uint64(len(words)):
			*fields[i] = words[n]
		case n < 64 || n >= 64+8*uint64(i): //nolint:gosec // a field's number
			return fmt.Errorf("%w: field %d is word %d", ErrEncoding, i, n)
		default:
			p := partOf(n)
			if p.rule == 0 || p.rule >= partRules {
				return fmt.Errorf("%w: field %d is word %d", ErrEncoding, i, n)
			}
			*fields[i] = p.of(*fields[p.field])
		}
	}
	return nil
}

// readCold1 reads the encoding of version 1: of each field its length and its bytes.
func readCold1(s string, c *Cold) error {
	for i, f := range c.fields() {
		if len(s) == 0 {
			break // older record: the fields that came later stay empty
		}
		n, w := uvarint(s)
		if w <= 0 || uint64(len(s)-w) < n {
			return fmt.Errorf("%w: field %d is cut", ErrEncoding, i)
		}
		*f, s = s[w:w+int(n)], s[w+int(n):] //nolint:gosec // checked
	}
	return nil
}
