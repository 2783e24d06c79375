package policy

import (
	"slices"
	"time"
)

// Settings are the document's settings for all, resolved against the defaults: what
// CME's show presence global shows.
type Settings struct {
	Enabled          bool
	WatcherAll       bool
	AllowSubscribe   bool
	CallLists        bool
	PretendIdle      bool
	MaxSubscriptions int // 0 = no limit
	RetryInterval    time.Duration
	RetryLimit       int
}

// Settings returns them.
func (s *Snapshot) Settings() Settings {
	return Settings{
		Enabled: s.enabled, WatcherAll: s.watcherAll, AllowSubscribe: s.allowSubscribe, CallLists: s.callLists,
		PretendIdle: s.pretendIdle, MaxSubscriptions: s.maxSubscriptions,
		RetryInterval: time.Duration(s.retryInterval) * time.Second, RetryLimit: s.retryLimit,
	}
}

// DefaultPresenceTrunk is the tenant's (CME's server), empty if it has none.
func (s *Snapshot) DefaultPresenceTrunk(tenant string) string {
	if t := s.tenants[tenant]; t != nil && t.routing.fallback != nil {
		return t.routing.fallback.listed[0]
	}
	return ""
}

// Subscriber is the line that a phone is shown as (CUCM, BLF Presence Restrictions, for
// phones with multiple lines): for a button its first line; for a call list the line the
// request names, as the phone remembers it with the call, else the primary line. The
// phone itself is the watcher all the same, and its group decides. ok is false for
// watchers without lines.
func (s *Snapshot) Subscriber(w Watcher, claimed string, d Decision) (l Line, ok bool) {
	t := s.tenants[w.Tenant]
	if t == nil || w.Kind != WatcherPhone {
		return l, false
	}
	i, found := t.phoneIndex[w.ID]
	if !found || len(t.phoneInfos[i].Lines) == 0 {
		return l, false
	}
	lines := t.phoneInfos[i].Lines
	if d.Step != StepButton {
		n := t.dial.normalise(claimed)
		for _, x := range lines {
			if x.Number == n || slices.ContainsFunc(t.numbers[n], func(e *lineEntry) bool { return e.info.Line == x }) {
				return x, true
			}
		}
	}
	return lines[0], true
}
