package edge

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"time"

	"blfbridge/bridge/notifier"
	"blfbridge/bridge/sipmsg"
)

// phoneID is a phone of an address of record, in tokens: hashes that no one without the
// key can aim at.
type phoneID struct {
	aor uint64
	// instance is of the phone's +sip.instance (RFC 5626 §4.1), else of its Contact's user.
	instance uint32
}

// binding is one registration that the PBX has accepted through the edge.
type binding struct {
	id      phoneID
	aor     string // user@host, lower case host
	contact string // the Contact's URI as registered
	flow    notifier.Flow
	until   time.Time
}

// bindings are the registrations of the moment, for three questions: on which flow is a
// phone now, who is behind a flow, and which flow a Contact means. Those over UDP are kept
// over a restart (keep.go); another process learns them as phones register again, and
// until then tokens say where UDP phones are. It is safe for concurrent use.
type bindings struct {
	mu      sync.RWMutex // guards all below
	byPhone map[uint64][]*binding
	byFlow  map[notifier.Flow][]*binding
	// contacts are for PBXs that do not keep a Path.
	contacts map[string]*binding
	size     int
	// keep is told of every one that comes, is renewed or ends; with the lock held.
	keep func(b *binding, ended bool)
	// awaited are flows on which a registration is waited for.
	awaited map[notifier.Flow]*awaited
}

// awaited is closed when something was registered on a flow, for so many who wait.
type awaited struct {
	come  chan struct{}
	count int
}

// maxBindings bounds the table; beyond it registrations pass without being noted.
const maxBindings = 1 << 20

func newBindings(keep func(b *binding, ended bool)) *bindings {
	return &bindings{
		keep: keep, byPhone: make(map[uint64][]*binding), byFlow: make(map[notifier.Flow][]*binding),
		contacts: make(map[string]*binding), awaited: make(map[notifier.Flow]*awaited),
	}
}

// put notes a registration in place of an older one of the same phone and Contact, or of
// the same phone and flow.
func (s *bindings) put(b *binding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, old := range slices.Clone(s.byPhone[b.id.aor]) {
		if old.contact == b.contact || old.id == b.id && (old.flow == b.flow || old.until.Before(time.Now())) {
			s.drop(old)
			if old.contact != b.contact || old.flow.Local != b.flow.Local {
				s.keep(old, true) // else it is overwritten
			}
		}
	}
	if s.add(b) {
		s.keep(b, false)
	}
}

// restore notes one that is kept already.
func (s *bindings) restore(b *binding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(b)
}

// add puts one in, unless there are too many. The lock is held.
func (s *bindings) add(b *binding) bool {
	if s.size >= maxBindings {
		return false
	}
	s.size++
	s.byPhone[b.id.aor] = append(s.byPhone[b.id.aor], b)
	s.byFlow[b.flow] = append(s.byFlow[b.flow], b)
	s.contacts[b.contact] = b
	if w := s.awaited[b.flow]; w != nil {
		close(w.come)
		delete(s.awaited, b.flow)
	}
	return true
}

// remove ends a phone's registrations by a Contact; all of its flow if contact is "*".
func (s *bindings) remove(aor uint64, contact string, f notifier.Flow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range slices.Clone(s.byPhone[aor]) {
		if b.contact == contact || contact == "*" && b.flow == f {
			s.end(b)
		}
	}
}

// lose ends all registrations of a flow that is gone.
func (s *bindings) lose(f notifier.Flow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range slices.Clone(s.byFlow[f]) {
		s.end(b)
	}
}

// expire ends those whose time is over.
func (s *bindings) expire(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var over []*binding
	for _, list := range s.byPhone {
		for _, b := range list {
			if b.until.Before(now) {
				over = append(over, b)
			}
		}
	}
	for _, b := range over {
		s.end(b)
	}
}

// end drops one for good. The lock is held.
func (s *bindings) end(b *binding) {
	s.drop(b)
	s.keep(b, true)
}

// drop takes one out. The lock is held.
func (s *bindings) drop(b *binding) {
	isIt := func(x *binding) bool { return x == b }
	n := len(s.byPhone[b.id.aor])
	if list := slices.DeleteFunc(s.byPhone[b.id.aor], isIt); len(list) > 0 {
		s.byPhone[b.id.aor] = list
	} else {
		delete(s.byPhone, b.id.aor)
	}
	if len(s.byPhone[b.id.aor]) == n {
		return
	}
	s.size--
	if list := slices.DeleteFunc(s.byFlow[b.flow], isIt); len(list) > 0 {
		s.byFlow[b.flow] = list
	} else {
		delete(s.byFlow, b.flow)
	}
	if s.contacts[b.contact] == b {
		delete(s.contacts, b.contact)
	}
}

// of is who is behind a flow: the latest registration on it.
func (s *bindings) of(f notifier.Flow, now time.Time) (b binding, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := s.byFlow[f]
	if len(list) == 0 || list[len(list)-1].until.Before(now) {
		return b, false
	}
	return *list[len(list)-1], true
}

// find is the flow that a phone is on now. Without knowing the very phone it finds none
// where the address of record has several.
func (s *bindings) find(id phoneID, now time.Time) (f notifier.Flow, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var same, any *binding
	several := false
	for _, b := range s.byPhone[id.aor] {
		if b.until.Before(now) {
			continue
		}
		if b.id.instance == id.instance {
			same = b
		}
		several = several || any != nil
		any = b
	}
	switch {
	case same != nil:
		return same.flow, true
	case any != nil && !several && id.instance == 0:
		return any.flow, true
	}
	return f, false
}

// byContact is the flow that a Contact was registered on.
func (s *bindings) byContact(uri string, now time.Time) (f notifier.Flow, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b := s.contacts[uri]
	if b == nil || b.until.Before(now) {
		return f, false
	}
	return b.flow, true
}

// registered reports whether an address of record is registered on that very flow.
func (s *bindings) registered(f notifier.Flow, aor string, now time.Time) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, b := range s.byFlow[f] {
		if b.aor == aor && !b.until.Before(now) {
			return true
		}
	}
	return false
}

// await waits until an address of record is registered on that very flow, stop is closed, or
// so long at most.
func (s *bindings) await(f notifier.Flow, aor string, stop <-chan struct{}, most time.Duration) bool {
	end := time.NewTimer(most)
	defer end.Stop()
	for {
		w := s.expect(f)
		over := false
		if !s.registered(f, aor, time.Now()) { // else it came before we waited
			select {
			case <-w.come:
			case <-end.C:
				over = true
			case <-stop:
				over = true
			}
		}
		s.leave(f, w)
		if come := s.registered(f, aor, time.Now()); come || over {
			return come
		}
	}
}

// expect: one more waits.
func (s *bindings) expect(f notifier.Flow) *awaited {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.awaited[f]
	if w == nil {
		w = &awaited{come: make(chan struct{})}
		s.awaited[f] = w
	}
	w.count++
	return w
}

// leave: one less waits.
func (s *bindings) leave(f notifier.Flow, w *awaited) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.count--; w.count == 0 && s.awaited[f] == w {
		delete(s.awaited, f)
	}
}

func (s *bindings) count() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.size
}

// aorOf is the address of record in a To or From value: user@host.
func aorOf(v []byte) (string, bool) {
	uri, _, ok := sipmsg.Address(v)
	if !ok {
		return "", false
	}
	u, ok := sipmsg.ParseURI(uri)
	if !ok {
		return "", false
	}
	user, _, _ := bytes.Cut(u.User, []byte{':'})
	return string(user) + "@" + strings.ToLower(string(u.Host)), true
}

// identify makes the phoneID of an address of record and a Contact value.
func (k sipKey) identify(aor string, contact []byte) (id phoneID, uri string) {
	id.aor = k.sum([]byte(aor))
	raw, params, ok := sipmsg.Address(contact)
	if !ok {
		return id, ""
	}
	instance, _ := sipmsg.Param(params, "+sip.instance")
	if len(instance) == 0 {
		u, _ := sipmsg.ParseURI(raw)
		instance = u.User
	}
	id.instance = uint32(k.sum(instance)) | 1
	return id, string(raw)
}
