package edge

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"blfbridge/bridge/sipua"
	"blfbridge/bridge/subscription"
)

// bindingFormat is the first byte of a stored registration.
const bindingFormat = 1

// bindingPrefix begins the key of every stored registration.
const bindingPrefix = "registration\x00"

// ErrStored is wrapped by what Restore says about an entry that cannot be read.
var ErrStored = errors.New("edge: stored registration")

// kept reports whether a registration can outlive the process. That of a connection ends
// with it.
func (b *binding) kept() bool { return b.flow.Transport == subscription.UDP }

// keyOfBinding names a registration in the store. Its socket is part of it, so that processes
// that share a store leave each other's alone.
func (k sipKey) keyOfBinding(b *binding) string {
	local := []byte(b.flow.Local.String())
	text := binary.BigEndian.AppendUint64([]byte(bindingPrefix), b.id.aor)
	return string(binary.BigEndian.AppendUint64(text, k.sum([]byte(b.contact), []byte{0}, local)))
}

// keep hands a registration to the store, or with ended takes it out.
func (e *Edge) keep(b *binding, ended bool) {
	if e.config.Keep == nil || !b.kept() {
		return
	}
	key := e.phones.keyOfBinding(b)
	if ended {
		e.config.Keep(key, nil)
		return
	}
	v := binary.BigEndian.AppendUint64([]byte{bindingFormat}, uint64(e.config.Clock.Stored(b.until).Unix()))
	v = binary.BigEndian.AppendUint32(v, b.id.instance)
	v = appendFlow(v, b.flow, 0)
	e.config.Keep(key, []byte(string(v)+b.aor+"\x00"+b.contact))
}

// Restore takes in what Keep was given by an earlier process, before Run. It asks Keep to
// end what is over. What another process keeps, and what was written with another key,
// is passed over.
func (e *Edge) Restore(key string, value []byte) error {
	b, err := readBinding(value)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStored, err)
	}
	b.until = e.config.Clock.Local(b.until)
	b.id.aor = e.phones.sum([]byte(b.aor))
	switch {
	case b.until.Before(time.Now()):
		if e.config.Keep != nil {
			e.config.Keep(key, nil)
		}
	case e.phones.keyOfBinding(b) == key && slices.Contains(e.net.Addrs(), sipua.Listen{Transport: b.flow.Transport, Addr: b.flow.Local}):
		e.bindings.restore(b)
	}
	return nil
}

func readBinding(v []byte) (*binding, error) {
	if len(v) < 13 || v[0] != bindingFormat {
		return nil, errors.New("its format is not known")
	}
	b := &binding{until: time.Unix(int64(binary.BigEndian.Uint64(v[1:])), 0)}
	b.id.instance = binary.BigEndian.Uint32(v[9:])
	flow, _, rest, ok := readFlow(v[13:])
	if b.flow = flow; !ok {
		return nil, errors.New("its flow cannot be read")
	}
	if b.aor, b.contact, ok = strings.Cut(string(rest), "\x00"); !ok || !b.kept() {
		return nil, errors.New("its address cannot be read")
	}
	return b, nil
}
