package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime/debug"
)

// journal is a file of groups of changes in front of the bbolt file: one write and one
// fdatasync make a group durable, where bbolt would write every page that a change is on.
// It is written from its beginning again and again; each time has a new generation, and a
// group belongs to it only if its checksum says so, so that neither a torn write nor what
// an earlier generation left is taken for a group.
//
//	head   "blfj" 1 | store (8) | generation (8) | CRC-32C of all before (4)
//	group  length of what follows the checksum (4) | CRC-32C (4) | entries
//	entry  shard, or lampEntry (2) | length of the key (uvarint) | 0 = delete, or length of the value plus one (uvarint) | key | value
//
// Numbers are little endian. The checksum of a group begins with store, generation and the
// group's offset. It is not safe for concurrent use.
type journal struct {
	path  string
	store uint64 // which store it belongs to
	file  *os.File
	gen   uint64
	size  int64 // where the next group begins; 0 = not begun
	count int   // entries in all groups
	buf   []byte
}

// lampEntry stands in place of a shard.
const lampEntry = 0xffff

const journalHead = 5 + 8 + 8 + 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errTorn ends a journal where its last group ends.
var errTorn = errors.New("no whole group")

// begin starts a generation. The head becomes durable with the first group.
func (j *journal) begin(gen uint64) error {
	if j.file == nil {
		file, err := os.OpenFile(j.path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return err
		}
		if err := syncDir(filepath.Dir(j.path)); err != nil {
			return errors.Join(err, file.Close())
		}
		j.file = file
	}
	head := append(make([]byte, 0, journalHead), 'b', 'l', 'f', 'j', 1)
	head = binary.LittleEndian.AppendUint64(head, j.store)
	head = binary.LittleEndian.AppendUint64(head, gen)
	head = binary.LittleEndian.AppendUint32(head, crc32.Checksum(head, castagnoli))
	if _, err := j.file.WriteAt(head, 0); err != nil {
		return err
	}
	j.gen, j.size, j.count = gen, journalHead, 0
	return nil
}

// append makes a group durable. After an error it may or may not be; the next one takes
// its place.
func (j *journal) append(deltas []Delta, lamps []LampDelta) error {
	b := append(j.buf[:0], make([]byte, 8)...)
	for i := range deltas {
		d := &deltas[i]
		b = appendEntry(b, d.Shard, d.Key, d.Value)
	}
	for i := range lamps {
		b = appendEntry(b, lampEntry, lamps[i].Key, lamps[i].Value)
	}
	binary.LittleEndian.PutUint32(b, uint32(len(b)-8)) //nolint:gosec // bounded by MaxBatch
	binary.LittleEndian.PutUint32(b[4:], j.sum(j.size, b[8:]))
	if j.buf = b; cap(b) > 1<<20 {
		j.buf = nil
	}
	if _, err := j.file.WriteAt(b, j.size); err != nil {
		return err
	}
	if err := datasync(j.file); err != nil {
		return err
	}
	j.size += int64(len(b))
	j.count += len(deltas) + len(lamps)
	return nil
}

func appendEntry(b []byte, shard uint16, key string, value []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, shard)
	b = binary.AppendUvarint(b, uint64(len(key)))
	if value == nil {
		b = append(b, 0)
	} else {
		b = binary.AppendUvarint(b, uint64(len(value))+1)
	}
	return append(append(b, key...), value...)
}

func (j *journal) sum(offset int64, group []byte) uint32 {
	var at [24]byte
	binary.LittleEndian.PutUint64(at[:], j.store)
	binary.LittleEndian.PutUint64(at[8:], j.gen)
	binary.LittleEndian.PutUint64(at[16:], uint64(offset)) //nolint:gosec // positive
	return crc32.Update(crc32.Checksum(at[:], castagnoli), castagnoli, group)
}

// recover opens what an earlier process left, without changing it. A file that is not of
// this store counts as empty.
func (j *journal) recover() error {
	file, err := os.OpenFile(j.path, os.O_RDWR, 0o600)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	j.file = file
	var head [journalHead]byte
	if n, _ := file.ReadAt(head[:], 0); n < journalHead || string(head[:5]) != "blfj\x01" ||
		binary.LittleEndian.Uint32(head[journalHead-4:]) != crc32.Checksum(head[:journalHead-4], castagnoli) ||
		binary.LittleEndian.Uint64(head[5:]) != j.store {
		return nil
	}
	j.gen = binary.LittleEndian.Uint64(head[13:])
	st, err := file.Stat()
	if err != nil {
		return err
	}
	return j.contents(st.Size(), func(all []byte) (err error) {
		j.size, err = j.read(all, func(uint16, []byte, []byte) { j.count++ })
		return err
	})
}

// contents gives the first size bytes of the file, which are good until fn returns.
func (j *journal) contents(size int64, fn func(all []byte) error) (err error) {
	all, done, err := mapped(j.file, int(size))
	if err != nil {
		return fmt.Errorf("reading %s: %w", j.path, err)
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		err = errors.Join(err, done())
		r := recover()
		if fault, ok := r.(interface{ Addr() uintptr }); ok {
			err = fmt.Errorf("%w: %s cannot be read: %v", ErrCorrupt, j.path, fault)
		} else if r != nil {
			panic(r)
		}
	}()
	return fn(all)
}

// read gives the entries in the order in which they were written, and returns where the
// last whole group ends. value is nil for a deletion; key and value are parts of all.
func (j *journal) read(all []byte, fn func(shard uint16, key, value []byte)) (end int64, err error) {
	end = journalHead
	for {
		group, err := j.group(all, end)
		if err != nil {
			return end, nil
		}
		for b := group; len(b) > 0; {
			var shard uint16
			var key, value []byte
			if shard, key, value, b, err = cutEntry(b); err != nil {
				return end, fmt.Errorf("%w: %s at %d", ErrCorrupt, j.path, end)
			}
			fn(shard, key, value)
		}
		end += 8 + int64(len(group))
	}
}

func (j *journal) group(all []byte, at int64) ([]byte, error) {
	if int64(len(all)) < at+8 {
		return nil, errTorn
	}
	b := all[at:]
	n := int64(binary.LittleEndian.Uint32(b))
	if int64(len(b)) < 8+n || n == 0 || j.sum(at, b[8:8+n]) != binary.LittleEndian.Uint32(b[4:]) {
		return nil, errTorn
	}
	return b[8 : 8+n], nil
}

func cutEntry(b []byte) (shard uint16, key, value, rest []byte, err error) {
	if len(b) < 4 {
		return 0, nil, nil, nil, errTorn
	}
	shard, b = binary.LittleEndian.Uint16(b), b[2:]
	keyLen, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, nil, nil, errTorn
	}
	b = b[n:]
	valueLen, n := binary.Uvarint(b)
	if n <= 0 || uint64(len(b)-n) < keyLen || valueLen > 0 && uint64(len(b)-n)-keyLen < valueLen-1 {
		return 0, nil, nil, nil, errTorn
	}
	key, b = b[n:n+int(keyLen)], b[n+int(keyLen):] //nolint:gosec // checked
	if valueLen == 0 {
		return shard, key, nil, b, nil
	}
	return shard, key, b[: valueLen-1 : valueLen-1], b[valueLen-1:], nil
}

func (j *journal) close() error {
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}
