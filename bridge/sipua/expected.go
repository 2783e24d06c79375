package sipua

import (
	"strings"
	"time"

	"blfbridge/bridge/notifier"
)

const (
	// expectedTime is how long a SUBSCRIBE waits for its phone's registration.
	expectedTime = 3 * time.Second
	// maxExpected is how many may wait; more are challenged at once.
	maxExpected = 1024
)

// registers waits, and reports whether the phone that sent a SUBSCRIBE has registered
// meanwhile on the same connection. After a restart of ours phones come with a new one, and
// some (Linphone) refresh what they watch before they register again. A phone that is known
// by its registration has no password for a challenge of ours: it would ask its user for one.
func (x *exchange) registers() bool {
	s, q := x.server, x.ask
	if s.config.Registers == nil || x.over == nil || q.header(kindAuthorization) != "" {
		return false
	}
	snap := s.config.Policy()
	who := s.claimOf(q, snap, x.local())
	if _, has := snap.Credentials(who.tenant, who.uri.user); has || !who.ok || who.uri.user == "" {
		return false
	}
	defer s.expected.Add(-1)
	if s.expected.Add(1) > maxExpected {
		return false
	}
	return s.config.Registers(notifier.Flow{Transport: q.hop.transport, Local: x.local(), Remote: q.hop.source},
		who.uri.user+"@"+strings.ToLower(who.uri.host), s.stopping, expectedTime)
}
