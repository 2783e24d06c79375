package policy

// TrunkSecurityProfile is a SIP Trunk Security Profile of CUCM: what is asked of
// requests that come from a trunk.
type TrunkSecurityProfile struct {
	// Name is unique in the tenant.
	Name string `json:"name"`
	// Description is for people.
	Description string `json:"description,omitempty"`
	// AcceptPresenceSubscription lets presence requests in from the trunk; without it
	// all are refused with 403. Default false, as CUCM.
	AcceptPresenceSubscription bool `json:"accept_presence_subscription,omitempty"`
	// Digest is Enable Digest Authentication: requests need credentials.
	Digest bool `json:"digest,omitempty"`
	// ApplicationLevelAuthorization asks that the credentials are those of an application
	// user that accepts presence subscriptions. It needs Digest.
	ApplicationLevelAuthorization bool `json:"application_level_authorization,omitempty"`
	// X509SubjectNames: with any, the trunk is recognised by its TLS certificate, which
	// must carry one of them, and no longer by its address alone.
	X509SubjectNames []string `json:"x509_subject_names,omitempty"`
}

// Trunk is a trunk to another system: a watcher for what comes in, and the presentity's
// group for what goes out (CUCM, Table 20-1).
type Trunk struct {
	// Name is unique in the tenant.
	Name string `json:"name"`
	// Description is for people.
	Description string `json:"description,omitempty"`
	// Protocol is "sip" (default), "h323" or "mgcp"; presence needs SIP.
	Protocol string `json:"protocol,omitempty"`
	// Addresses are those that requests come from, by which the trunk is recognised: IP
	// addresses, with a port to tell two systems of one address apart, or networks. Over
	// TCP and TLS the port is the one that the other end says it listens on (Via).
	Addresses []string `json:"addresses,omitempty"`
	// Destinations are where requests are sent, in this order: host or host:port, then
	// perhaps ;transport=udp, tcp or tls. Those that are IP addresses count as Addresses
	// too, without their port. Default: the Addresses that are no networks.
	Destinations []string `json:"destinations,omitempty"`
	// SecurityProfile names a trunk security profile. Without one the trunk is as CME has
	// it: watcher_all and authenticate_presence decide.
	SecurityProfile string `json:"security_profile,omitempty"`
	// PresenceGroup is empty for Standard.
	PresenceGroup string `json:"presence_group,omitempty"`
	// SubscribeCallingSearchSpace is empty for None.
	SubscribeCallingSearchSpace string `json:"subscribe_calling_search_space,omitempty"`
	// Digest are the credentials that the other end presents, if it is no application user.
	Digest *Digest `json:"digest,omitempty"`
	// OutboundDigest are the credentials that we present when we are challenged.
	OutboundDigest *Digest `json:"outbound_digest,omitempty"`
}

// Protocols of a trunk.
const (
	ProtocolSIP  = "sip"
	ProtocolH323 = "h323"
	ProtocolMGCP = "mgcp"
)

// ApplicationUser is an external application that subscribes through a trunk: a
// conference server, a presence server.
type ApplicationUser struct {
	// UserID is unique in the tenant.
	UserID string `json:"user_id"`
	// Description is for people.
	Description string `json:"description,omitempty"`
	// AcceptPresenceSubscription lets this application's requests in. Default false.
	AcceptPresenceSubscription bool `json:"accept_presence_subscription,omitempty"`
	// PresenceGroup is empty for none, unlike everywhere else: the trunk's is used then.
	PresenceGroup string `json:"presence_group,omitempty"`
	// Digest are the credentials by which the application is known.
	Digest *Digest `json:"digest,omitempty"`
}

// CredentialFile is CME's authenticate credential: where a CSV file of user names and
// passwords is to be had.
type CredentialFile struct {
	// Tag is 1 to 5.
	Tag int `json:"tag"`
	// Location is a file name or an http or https URL.
	Location string `json:"location"`
}

// MaxCredentialFiles is how many there may be (CME, authenticate credential).
const MaxCredentialFiles = 5

// RoutePattern sends numbers to a trunk or a route list. Patterns are CUCM's: digits, +,
// * and # stand for themselves, X for a digit, ! for one or more digits, [1-46] and
// [^7] for one of (or none of) some digits, and a dot marks where the number begins.
type RoutePattern struct {
	// Pattern is what the number must match: digits, +, *, #, X, !, [1-46], [^7] and a dot.
	Pattern string `json:"pattern"`
	// Partition is empty or "<None>" for patterns without one.
	Partition string `json:"partition,omitempty"`
	// Description is for people.
	Description string `json:"description,omitempty"`
	// Trunk or RouteList, one of them, is where the number is reached.
	Trunk string `json:"trunk,omitempty"`
	// RouteList is the other way to say it, for several trunks.
	RouteList string `json:"route_list,omitempty"`
	// DiscardPreDot leaves out what stands before the pattern's dot.
	DiscardPreDot bool `json:"discard_predot,omitempty"`
	// PrefixDigits are put in front of the number after that.
	PrefixDigits string `json:"prefix_digits,omitempty"`
}

// SIPRoutePattern sends SIP URIs of foreign hosts to a trunk or a route list.
type SIPRoutePattern struct {
	// Pattern is a host or IP address, or "*." and a domain for all hosts under it.
	Pattern string `json:"pattern"`
	// Partition is empty or "<None>" for patterns without one.
	Partition string `json:"partition,omitempty"`
	// Description is for people.
	Description string `json:"description,omitempty"`
	// Trunk or RouteList, one of them, is where the host is reached.
	Trunk string `json:"trunk,omitempty"`
	// RouteList is the other way to say it, for several trunks.
	RouteList string `json:"route_list,omitempty"`
}

// RouteList is an ordered list of route groups.
type RouteList struct {
	// Name is unique in the tenant.
	Name string `json:"name"`
	// Description is for people.
	Description string `json:"description,omitempty"`
	// RouteGroups are tried in this order.
	RouteGroups []string `json:"route_groups,omitempty"`
}

// RouteGroup is an ordered list of trunks.
type RouteGroup struct {
	// Name is unique in the tenant.
	Name string `json:"name"`
	// Description is for people.
	Description string `json:"description,omitempty"`
	// Trunks are tried in this order.
	Trunks []string `json:"trunks,omitempty"`
}

// HuntPilot is a number that rings a hunt list. It cannot be watched; the members, which
// are lines, can.
type HuntPilot struct {
	// Number is the pilot's.
	Number string `json:"number"`
	// Partition is empty or "<None>" for pilots without one.
	Partition string `json:"partition,omitempty"`
	// Description is for people.
	Description string `json:"description,omitempty"`
	// Members are lines: numbers, or number and partition as in phones.
	Members []string `json:"members,omitempty"`
}

// DeviceProfile is what a phone with extension mobility takes over: a user's, when the
// user logs in, or an autogenerated one, while nobody is.
type DeviceProfile struct {
	// Name is unique in the tenant.
	Name string `json:"name"`
	// Description is for people.
	Description string `json:"description,omitempty"`
	// Autogenerated profiles have a group and a calling search space of their own; for a
	// user's profile the user's apply.
	Autogenerated bool `json:"autogenerated,omitempty"`
	// PresenceGroup is empty for Standard; for autogenerated profiles only.
	PresenceGroup string `json:"presence_group,omitempty"`
	// SubscribeCallingSearchSpace is empty for None; for autogenerated profiles only.
	SubscribeCallingSearchSpace string `json:"subscribe_calling_search_space,omitempty"`
	// Lines take the place of the phone's; the first is the primary line. Without any the
	// phone keeps its own.
	Lines []string `json:"lines,omitempty"`
	// BLFButtons take the place of the phone's.
	BLFButtons []BLFButton `json:"blf_buttons,omitempty"`
}
