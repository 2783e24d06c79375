package policy

import (
	"cmp"
	"fmt"
	"slices"
)

// trunkEntry is a compiled trunk.
type trunkEntry struct {
	watcherEntry
	sip             bool
	accept          bool
	digest, appAuth bool
	// Rules of the refusals that name the trunk.
	acceptRule, digestRule, authRule, subjectRule string
	subjects                                      []string
	sources                                       []source
}

// appEntry is a compiled application user.
type appEntry struct {
	name     string
	accept   bool
	grouped  bool
	group    uint32
	rule     string
	offRule  string // it does not accept
	openRule string // it accepts, but the trunk does not authorize applications
}

func (t *tenant) compileTrunks(s *Snapshot, d *Tenant) {
	profiles := map[string]*TrunkSecurityProfile{}
	for i := range d.TrunkSecurityProfiles {
		profiles[d.TrunkSecurityProfiles[i].Name] = &d.TrunkSecurityProfiles[i]
	}
	for i := range d.Trunks {
		k := &d.Trunks[i]
		e := t.compileTrunk(s, d, k, profiles[k.SecurityProfile])
		t.trunks[k.Name] = e
		// Not addCredential: a trunk's user name in From proves nothing about a trunk.
		if g := k.Digest; g != nil {
			t.creds[g.Username] = Credential{Digest: *g, Watcher: Watcher{Tenant: t.name, Kind: WatcherTrunk, ID: k.Name, Trusted: true}}
		}
		t.trunkInfos = append(t.trunkInfos, TrunkInfo{
			Tenant: t.name, Name: k.Name, Description: k.Description, Protocol: cmp.Or(k.Protocol, ProtocolSIP),
			Destinations: trunkDestinations(k), PresenceGroup: t.groupNames[e.group],
			CallingSearchSpace: k.SubscribeCallingSearchSpace, OutboundDigest: cloned(k.OutboundDigest),
			Accepts: e.accept, Digest: e.digest, ApplicationAuthorization: e.appAuth, X509SubjectNames: e.subjects,
		})
	}
	t.credentialFiles = slices.SortedFunc(slices.Values(d.AuthenticateCredentials), func(a, b CredentialFile) int { return a.Tag - b.Tag })
	for i := range d.ApplicationUsers {
		t.compileApplication(&d.ApplicationUsers[i])
	}
}

func cloned(g *Digest) *Digest {
	if g == nil {
		return nil
	}
	c := *g
	return &c
}

// compileTrunk compiles a trunk with its security profile, which may be nil.
func (t *tenant) compileTrunk(s *Snapshot, d *Tenant, k *Trunk, p *TrunkSecurityProfile) *trunkEntry {
	e := &trunkEntry{
		watcherEntry: watcherEntry{
			kind: WatcherTrunk, name: k.Name, rule: "trunk " + k.Name, outcome: Allowed, callLists: true,
			group: t.group(k.PresenceGroup), space: t.space(k.SubscribeCallingSearchSpace),
		},
		sources:     trunkSources(k),
		sip:         k.Protocol == "" || k.Protocol == ProtocolSIP,
		accept:      s.watcherAll,
		digest:      d.AuthenticatePresence,
		acceptRule:  fmt.Sprintf("trunk %s: watcher all is off, and no security profile", k.Name),
		digestRule:  fmt.Sprintf("trunk %s: digest credentials needed", k.Name),
		authRule:    fmt.Sprintf("trunk %s: application level authorization, and the credentials are no application user's", k.Name),
		subjectRule: fmt.Sprintf("trunk %s: not by a certificate that its security profile names", k.Name),
	}
	if p != nil {
		e.accept, e.digest, e.appAuth = p.AcceptPresenceSubscription, p.Digest, p.ApplicationLevelAuthorization
		e.acceptRule = fmt.Sprintf("trunk %s: security profile %q does not accept presence subscriptions", k.Name, p.Name)
		e.subjects = slices.Clone(p.X509SubjectNames)
	}
	return e
}

func (t *tenant) compileApplication(u *ApplicationUser) {
	e := &appEntry{
		name: u.UserID, accept: u.AcceptPresenceSubscription, grouped: u.PresenceGroup != "",
		rule:     "application user " + u.UserID,
		offRule:  fmt.Sprintf("application user %s: does not accept presence subscriptions", u.UserID),
		openRule: fmt.Sprintf("application user %s accepts presence subscriptions, but its trunk has no application level authorization", u.UserID),
	}
	if e.grouped {
		e.group = t.group(u.PresenceGroup)
	}
	t.apps[u.UserID] = e
	if g := u.Digest; g != nil {
		t.creds[g.Username] = Credential{Digest: *g, Watcher: Watcher{Tenant: t.name, Kind: WatcherApplication, ID: u.UserID, Trusted: true}}
	}
}

// asker is a watcher as the rest of a decision needs it.
type asker struct {
	*watcherEntry
	group uint32
	rule  string
}

// trunkAsker decides step 1 for what comes from a trunk; nil and the refusal if that
// ends the matter. The order is that of the tips in CUCM's Presence Authorization.
func (t *tenant) trunkAsker(w Watcher) (asker, Decision) {
	d := Decision{Step: StepWatcher, Rule: ruleNoTrunk}
	name, app := w.ID, (*appEntry)(nil)
	switch {
	case w.Kind == WatcherApplication:
		name, app = w.Trunk, t.apps[w.ID]
	case w.ID == "" && w.Trunk != "":
		if e := t.trunks[w.Trunk]; e != nil {
			d.Rule = e.subjectRule
		}
		return asker{}, d
	}
	e := t.trunks[name]
	if e == nil || !e.sip {
		return asker{}, d
	}
	a := asker{&e.watcherEntry, e.group, e.rule}
	switch {
	case !e.accept:
		// Whatever the application user accepts.
		d.Rule = e.acceptRule
	case !e.digest:
		// Nobody is authenticated, so that no application can be known: all requests are
		// accepted before the group check.
		return a, d
	case !w.Trusted:
		d.Outcome, d.Rule = Challenged, e.digestRule
	case e.appAuth && app == nil:
		d.Rule = e.authRule
	case e.appAuth && !app.accept:
		d.Rule = app.offRule
	case !e.appAuth && app != nil && app.accept:
		d.Rule = app.openRule
	default:
		if e.appAuth && app.grouped {
			a.group = app.group
		}
		if app != nil {
			a.rule = app.rule
		}
		return a, d
	}
	return asker{}, d
}
