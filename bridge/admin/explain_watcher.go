package admin

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	"blfbridge/bridge/admin/api"
	"blfbridge/policy"
)

// asker is the watcher of a question, before the target's tenant is known.
type asker struct {
	user, host string
	tenant     string // of the host, or the one given; empty if neither is
	source     netip.AddrPort
	trusted    bool
	// kind says what the question said that it is; named is false if it did not.
	kind  policy.WatcherKind
	trunk string
	named bool
}

var watcherWords = map[string]policy.WatcherKind{
	"phone": policy.WatcherPhone, "end_user": policy.WatcherEndUser, "user": policy.WatcherEndUser,
	"application": policy.WatcherApplication, "application_user": policy.WatcherApplication,
	"trunk": policy.WatcherTrunk, "unknown": policy.WatcherUnknown,
}

// askerOf reads the question's watcher and source.
func (f *Facts) askerOf(e *api.Explanation, q Question) (a asker, err error) {
	word, name, _ := strings.Cut(strings.TrimSpace(q.Watcher), ":")
	if a.kind, a.named = watcherWords[strings.ToLower(word)]; a.named {
		a.user = name
		if a.kind == policy.WatcherApplication {
			if i := strings.LastIndexByte(name, '@'); i > 0 {
				a.user, a.trunk = name[:i], name[i+1:]
			}
			if a.trunk == "" {
				return a, fmt.Errorf("%w: an application user comes through a trunk: write application:%s@TRUNK", ErrQuestion, a.user)
			}
		}
		if a.user == "" {
			return a, fmt.Errorf("%w: %s: lacks a name", ErrQuestion, word)
		}
	} else {
		a.user, a.host = policy.SplitURI(q.Watcher)
	}
	if a.tenant = q.Tenant; a.host != "" {
		a.tenant, _ = f.Snapshot.TenantByHost(a.host, nil)
	}
	if q.Source == "" {
		a.trusted = true
		e.Notes = append(e.Notes, "no source address given: the watcher counts as trusted, or its credentials as right")
		return a, nil
	}
	if a.source, err = sourceAddress(q.Source); err != nil {
		return a, fmt.Errorf("%w: source %q is no IP address", ErrQuestion, q.Source)
	}
	e.Watcher.Source = a.source.Addr().String()
	a.trusted = f.Snapshot.Trusts(a.source.Addr())
	return a, nil
}

// watcher recognises the watcher as sipua does: by what the question says that it is, by
// the trunk of its address, or by its identity.
func (f *Facts) watcher(e *api.Explanation, a asker, targetTenant string) policy.Watcher {
	trunk, isTrunk := policy.Watcher{}, false
	if a.source.IsValid() {
		trunk, isTrunk = f.Snapshot.TrunkBySource(policy.TrunkSource{Tenant: targetTenant, Addr: a.source})
	}
	tenant := cmp.Or(a.tenant, targetTenant)
	note := func(format string, args ...any) { e.Notes = append(e.Notes, fmt.Sprintf(format, args...)) }
	if a.named {
		w := policy.Watcher{Tenant: tenant, Kind: a.kind, ID: a.user, Trunk: a.trunk, Trusted: a.trusted}
		switch a.kind {
		case policy.WatcherApplication:
			w.Trusted = true
		case policy.WatcherTrunk:
			w.Trusted = !a.source.IsValid() // its address proves nothing
		default:
			if isTrunk {
				note("%s is an address of trunk %s: what comes from there is the trunk's, not the %s's", a.source.Addr(), cmp.Or(trunk.ID, trunk.Trunk), strings.ReplaceAll(a.kind.String(), "_", " "))
			}
			return w
		}
		if name := cmp.Or(a.trunk, a.user); a.source.IsValid() && (!isTrunk || cmp.Or(trunk.ID, trunk.Trunk) != name) {
			note("%s is no address of trunk %s", a.source.Addr(), name)
		}
		return w
	}
	if isTrunk {
		name := cmp.Or(trunk.ID, trunk.Trunk)
		held, ok := f.Snapshot.Credentials(trunk.Tenant, a.user)
		if !ok {
			note("%s is an address of trunk %s: who sends from there is the trunk, whoever it says to be", a.source.Addr(), name)
			return trunk
		}
		note("%s is an address of trunk %s: the digest credentials of %s count as right", a.source.Addr(), name, a.user)
		return f.Snapshot.TrunkWatcher(trunk, held)
	}
	w, known := f.Snapshot.WatcherByIdentity(tenant, a.user)
	if !known && a.host != "" {
		w.ID = a.user + "@" + a.host
	}
	w.Trusted = a.trusted
	return w
}

func sourceAddress(s string) (netip.AddrPort, error) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap, nil
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return netip.AddrPortFrom(a, 0), err
}
