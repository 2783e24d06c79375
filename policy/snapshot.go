package policy

import "net/netip"

// Snapshot is a compiled Document: immutable, so that any number of goroutines may ask
// it at once, and answering from maps alone. A policy change is a new Snapshot.
type Snapshot struct {
	tenants map[string]*tenant
	// hosts finds the tenant of a domain, listed or learned.
	hosts map[string]*tenant
	// listed are the names of the document's tenants in its order.
	listed []string
	// learned are the domains given to WithDomains that became tenants, sorted.
	learned []string
	// sole takes any host; nil if there are several tenants.
	sole *tenant
	// fallback is the tenant of our own addresses.
	fallback     string
	learnDomains bool
	// trunkIndex recognises trunks; nil if none can be.
	trunkIndex *trunkIndex

	systemDefault    relation
	callLists        bool
	refuseUnwatched  bool
	maxSubscriptions int
	maxPerWatcher    int
	enabled          bool
	pretendIdle      bool
	watcherAll       bool
	allowSubscribe   bool
	retryInterval    int
	retryLimit       int
	limitRule        string
	watcherLimitRule string

	trusted      []netip.Prefix
	othersRefuse bool
	unknownAs    string

	cross        map[crossKey]relation
	crossTenants map[[2]string]bool
	global       globals
}

// globals are the settings whose change concerns every subscription.
type globals struct {
	allow, enabled, pretendIdle   bool
	watcherAll, allowSubscribe    bool
	callLists, refuseUnwatched    bool
	maxSubscriptions, maxPer      int
	as, others, networks, crossed string
}

// relation is what applies from one group to another.
type relation struct {
	allow, pickup bool
	view          View
	rule          string
	// pickupRule is what says so of pickup.
	pickupRule string
}

type crossKey struct{ fromTenant, from, toTenant, to string }

// tenant is one compiled tenant.
type tenant struct {
	name       string
	listed     bool
	domains    []string
	dial       dialPlan
	pickup     string
	login      string
	logout     string
	learn      bool
	groupNames []string // index 0 is Standard
	groups     map[string]uint32
	same       []relation
	pairs      map[uint64]relation
	partitions map[string]uint32 // index 0 is <None>
	spaces     map[string]*space
	noSpace    *space
	lines      []*lineEntry
	pilots     []*lineEntry
	numbers    map[string][]*lineEntry
	phones     map[string]*watcherEntry
	users      map[string]*watcherEntry
	phoneInfos []PhoneInfo
	phoneIndex map[string]int // of phoneInfos, by name
	identities map[string]*watcherEntry
	creds      map[string]Credential
	unknown    *watcherEntry
	trunks     map[string]*trunkEntry
	trunkInfos []TrunkInfo
	apps       map[string]*appEntry
	routing    routing
	profiles   map[string]*profileEntry
	// devices finds the phone that device-based watching of a line shows.
	devices         map[Line]*deviceEntry
	credentialFiles []CredentialFile
	// fileCreds are the digest users of CME's credential files.
	fileCreds map[string]Credential

	// base is the tenant while nobody is logged in; nil if this is it. What follows is
	// empty there.
	base *tenant
	// sessions are the phones with a user logged in; sessionIDs their users' numbers.
	sessions   map[string]*watcherEntry
	sessionIDs map[string]*watcherEntry

	// claims are the device names that lines outside <None> and Standard list.
	claims map[string]bool
}

// space is a compiled calling search space: partitions in the order they are searched.
type space struct {
	name       string
	partitions []uint32
	text       string // the partitions' names, to compare
	missing    string // rule of a number that is in none of them
}

type lineEntry struct {
	info       LineInfo
	partition  uint32
	group      uint32
	allowWatch bool
	offRule    string
	// pickup wins over groups and buttons where pickupRule is not empty.
	pickup     bool
	pickupRule string
	// pilotRule is not empty for a hunt pilot.
	pilotRule string
}

// watcherEntry is a phone, an end user, a trunk, or what unknown watchers count as.
type watcherEntry struct {
	kind    WatcherKind
	name    string
	rule    string
	group   uint32
	outcome Outcome // Allowed, or how all of this kind are answered
	space   *space
	// buttons are sorted by number; nil if the watcher has none provisioned.
	buttons      []button
	provisioned  bool
	callLists    bool
	callListRule string
	// mobile: end users can log in. profiles are those of an end user.
	mobile   bool
	profiles []string
	pin      PIN
	// worn is the device profile in force on a phone, and user who is logged in there.
	worn, user string
}

type button struct {
	number, rule string
	device       bool
}

// deviceEntry is a phone as a presentity.
type deviceEntry struct {
	// offRule says which of its numbers may not be watched; empty if all may.
	phone, offRule string
}

func pairKey(from, to uint32) uint64 { return uint64(from)<<32 | uint64(to) }

// relation from one group of the tenant to another.
func (t *tenant) relation(s *Snapshot, from, to uint32) relation {
	if from == to {
		return t.same[from]
	}
	if r, ok := t.pairs[pairKey(from, to)]; ok {
		return r
	}
	return s.systemDefault
}

// find searches the partitions of sp in their order; the first that holds the number wins.
func (t *tenant) find(sp *space, number string) *lineEntry {
	entries := t.numbers[number]
	for _, p := range sp.partitions {
		for _, e := range entries {
			if e.partition == p {
				return e
			}
		}
	}
	return nil
}
