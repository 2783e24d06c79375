package policy

// View is what one class of watcher may see of a line; each includes the ones before.
// Ours, beyond CUCM (DESIGN "graded visibility").
type View uint8

const (
	// ViewNone shows nothing: the lamp stays unknown.
	ViewNone View = iota
	// ViewState shows idle or busy only; ringing is shown as idle.
	ViewState
	// ViewRinging adds ringing, without who calls.
	ViewRinging
	// ViewName adds the remote party's display name.
	ViewName
	// ViewNumber adds the remote party's number and dialog identifiers: all there is.
	ViewNumber
	// ViewIdle shows an idle line for ever, whatever it does: what refused_as
	// pretend_idle gives instead of 403. No permission gives it.
	ViewIdle
)

// Views lists every View that a permission can give.
var Views = [...]View{ViewNone, ViewState, ViewRinging, ViewName, ViewNumber}

// WatcherKind says as what a watcher was recognised.
type WatcherKind uint8

const (
	// WatcherUnknown: no phone, user or trunk of the document; a trusted network may still admit it.
	WatcherUnknown WatcherKind = iota
	// WatcherPhone: a phone, by one of its line identities or its digest user.
	WatcherPhone
	// WatcherEndUser: an end user's own application (a directory, a soft client).
	WatcherEndUser
	// WatcherApplication: an application user behind a trunk (Watcher.Trunk).
	WatcherApplication
	// WatcherTrunk: a SIP trunk, recognised by address.
	WatcherTrunk
)

// Watcher is who subscribes, as the SIP side found out. It is a flat value: it is
// stored with the subscription so that a policy change can decide again.
type Watcher struct {
	// Tenant is the name of the tenant the watcher belongs to.
	Tenant string
	Kind   WatcherKind
	// ID is the phone's, user's or trunk's name in the document; for WatcherUnknown
	// the address of record it claims.
	ID string
	// Trunk is the trunk that an application user's request came through; empty for
	// other kinds (a trunk's own name is its ID).
	Trunk string
	// Trusted: the source address is in a trusted network (or digest held), so that
	// an unknown watcher may be served as the document's unknown_watchers says. Of a
	// trunk or application: digest credentials held; its address says nothing.
	Trusted bool
}

// Target is what is to be watched, already resolved to a tenant and a normalised number.
type Target struct {
	// Tenant owns the host of the request URI.
	Tenant string
	// Number is normalised by Snapshot.Normalise, pickup code stripped.
	// With Host it is "user@host".
	Number string
	// Host is the normalised host of a SIP URI that is no tenant's; Tenant is the
	// watcher's then. Snapshot.ResolveTarget finds out. Empty for numbers of ours.
	Host string
	// Learned: no line of the document is needed, because a PBX of the tenant reported
	// a device of that number (or may yet: it has not been heard since the start).
	Learned bool
	// Bare: not a number but the bare pickup code, that is the one ringing call that the
	// watcher may pick up (BareLine). Number is empty then.
	Bare bool
}

// Line names a directory number in a partition of a tenant.
type Line struct {
	Tenant, Partition, Number string
}

// Step is the step of DESIGN §3 that decided.
type Step uint8

const (
	StepNone       Step = iota
	StepWatcher         // 1: who asks
	StepTarget          // 2: what is asked for
	StepAllowWatch      // 3: the line's allow watch
	StepButton          // 4: BLF/SpeedDial button, exempt from groups
	StepCallList        // 5: BLF for call lists
	StepGroup           // 6: presence groups
	StepView            // 7: view and pickup of the group pair
)

// Outcome is how a request is answered.
type Outcome uint8

const (
	Refused     Outcome = iota // 403
	Allowed                    // 200
	NotFound                   // 404
	Challenged                 // 401: credentials needed
	Unavailable                // 480 or 503: cannot be decided now
)

// Decision is the answer of Decide. It holds the rule that decided, so that refusals
// can be explained; it is comparable and allocates nothing.
type Decision struct {
	Outcome Outcome
	View    View
	Pickup  bool
	Step    Step
	// Rule names what decided, e.g. `permission "Sales"→"Board": disallow`.
	Rule string
	// PickupRule names what decided about Pickup, where the watcher may watch.
	PickupRule string
	// WatcherGroup and PresentityGroup are the groups compared, empty if none was.
	WatcherGroup, PresentityGroup string
	// Line is the line found; zero if none was. For an external presentity it names that,
	// in the partition of its route.
	Line Line
	// Device: show the phone whose primary line Line is, not the line (CME, device-based
	// monitoring).
	Device bool
	// Route is not empty for an external presentity: Snapshot.Route says which trunks
	// reach it, in their order. Before one is tried, DecideTrunk decides about it.
	Route string
}

// Allow reports whether the subscription is accepted.
func (d Decision) Allow() bool { return d.Outcome == Allowed }
