package subscription

import (
	"strings"

	"blfbridge/policy"
)

// Package is an event package (RFC 6665 §5) that we notify.
type Package uint8

const (
	// Dialog is RFC 4235.
	Dialog Package = iota
	// Presence is RFC 3856.
	Presence
)

// String returns the Event header value.
func (p Package) String() string {
	if p == Presence {
		return "presence"
	}
	return "dialog"
}

// Status is the subscription's state (RFC 6665 §4.1.2).
type Status uint8

const (
	// Active: NOTIFYs flow.
	Active Status = iota
	// Terminated: the last NOTIFY is on its way; the record is removed after it.
	Terminated
)

// Reason is why a subscription ended (RFC 6665 §4.1.3).
type Reason uint8

const (
	NoReason Reason = iota
	Timeout
	Rejected
	Deactivated
	Probation
	NoResource
)

var reasonNames = [...]string{"", "timeout", "rejected", "deactivated", "probation", "noresource"}

// String returns the reason parameter's value.
func (r Reason) String() string { return reasonNames[r] }

// Transport is what a subscription's messages travel on.
type Transport uint8

const (
	UDP Transport = iota
	TCP
	TLS
	WS
	WSS
)

var transportNames = [...]string{"UDP", "TCP", "TLS", "WS", "WSS"}

// String returns the Via transport name.
func (t Transport) String() string { return transportNames[t] }

// Stream reports whether the transport is a connection: reliable, and lost with it.
func (t Transport) Stream() bool { return t != UDP }

// ParseTransport is the inverse of String, case ignored; ok is false for any other name.
func ParseTransport(s string) (t Transport, ok bool) {
	for i, n := range transportNames {
		if strings.EqualFold(n, s) {
			return Transport(i), true
		}
	}
	return UDP, false
}

// Flags are the booleans of a record.
type Flags uint8

const (
	// Due: a NOTIFY must go out even if the body did not change.
	Due Flags = 1 << iota
	// Waiting: the body may have changed; look again at NotBefore.
	Waiting
	// Outstanding: a NOTIFY waits for its response. Never true in a stored record.
	Outstanding
	// NonDurable: granted while the store was away.
	NonDurable
	// DeviceMode: shows the phone, not the line (DESIGN §2).
	DeviceMode
	// PickupAllowed: what the policy decided.
	PickupAllowed
	// FlowLost: the TCP, TLS or WS connection is gone; NOTIFYs wait for the phone.
	FlowLost
	// Fetch: an out-of-dialog SUBSCRIBE with Expires 0; ends with its first NOTIFY.
	Fetch
)

// Hot is the part of a record that changes with NOTIFYs: fixed size, no pointers.
type Hot struct {
	// Expires and Created are Unix milliseconds of the wall clock, so that another
	// process can go on.
	Expires, Created int64
	// NotBefore (Unix milliseconds) holds the next NOTIFY back: minimum interval, or
	// the Retry-After of the last answer.
	NotBefore int64
	// BodyHash is that of the last body sent (before the version was stamped), so
	// that what a view hides causes no NOTIFY either.
	BodyHash uint64
	// RemoteCSeq is that of the watcher's last request.
	RemoteCSeq uint32
	// CSeq and Version are the next to use; the limits end the block reserved in the
	// store: after a crash both go on above the limits (Restore). In a record written
	// at a clean stop the limits equal the next values, so that no gap arises.
	CSeq, CSeqLimit       uint32
	Version, VersionLimit uint32
	// AckedVersion is the last one that got a 2xx, plus one; 0 = none yet.
	AckedVersion uint32
	// Presentity is the compositor's interned id. It is process-local: rewritten on load.
	Presentity uint32
	// Shard is the only writer's number.
	Shard    uint16
	Dialect  uint16 // index into the dialect table, by name in Cold
	Package  Package
	Content  uint8 // eventpkg.Content
	Status   Status
	Reason   Reason
	Flags    Flags
	View     policy.View
	Failures uint8 // NOTIFYs failed in a row
	Kind     policy.WatcherKind
}

// Cold is the part that only the watcher's requests change. In a Record it is kept
// encoded in one string (Record.cold); this is its readable form.
type Cold struct {
	CallID, LocalTag, RemoteTag string
	// LocalURI and RemoteURI are the To and From header values of the SUBSCRIBE
	// without tags (name-addr as sent): the NOTIFY's From and To.
	LocalURI, RemoteURI string
	// RemoteTarget is the Contact URI (RFC 3261 §12.1.1).
	RemoteTarget string
	// Routes is the route set as a Route header value, empty if none.
	Routes string
	// Transport is "UDP", "TCP", "TLS", "WS" or "WSS".
	Transport string
	// Local and Remote are the socket addresses NOTIFYs go from and to ("ip:port").
	Local, Remote string
	// Advertised is the host:port that Via and Contact carry.
	Advertised string
	// EventID is the id parameter of Event, and EventParams the others as sent.
	EventID, EventParams string
	Accept               string
	// Entity is the URI subscribed to, as the body's entity shows it.
	Entity string
	// DialectName is the phone dialect's name; stable over versions.
	DialectName string
	// Tenant, Partition and Number name the presentity; Special a device watched by name.
	Tenant, Partition, Number, Special string
	// WatcherTenant and WatcherID are policy.Watcher's, and so is Trunk. AppUser is the
	// digest user whose credentials held for a trunk's request.
	WatcherTenant, WatcherID, Trunk, AppUser string
	// UserAgent is the watcher's, for show and logs.
	UserAgent string
	// Origin is how a trunk was recognised: the address its request came from ("ip:port"),
	// or a name of its certificate. Empty for other watchers.
	Origin string
}
