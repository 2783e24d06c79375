package policy

// Document is the whole policy as the administrator writes it, in CUCM's words.
// It refers by name; Validate reports what does not hold and Compile makes a Snapshot
// of it. The zero Document is complete: everybody in the group Standard, which may
// watch itself. It is plain data: safe to copy, compare and share while nobody writes.
//
// The json tags name the keys of the YAML form too.
type Document struct {
	// DefaultInterPresenceGroupSubscription is the clusterwide service parameter: what
	// applies between two groups whose relation is "system default". Members of one
	// group may always watch each other, so the default (disallow) harms nobody who has
	// no groups. It is allow or disallow.
	DefaultInterPresenceGroupSubscription Permission `json:"default_inter_presence_group_subscription,omitempty"`
	// BLFForCallLists is the enterprise parameter: may call lists and directories show
	// lamps. On by default; a phone's own setting wins.
	BLFForCallLists Switch `json:"blf_for_call_lists,omitempty"`
	// AllowWatchOffAs is what a watcher of a line without allow_watch gets: "unknown"
	// (the default, as CME: accepted, and the lamp stays unknown) or "refuse" (403).
	AllowWatchOffAs string `json:"allow_watch_off_as,omitempty"`
	// PresenceEnable is CME's presence enable: take presence requests at all. Default
	// true, where CME's is off.
	PresenceEnable *bool `json:"presence_enable,omitempty"`
	// RefusedAs is what a watcher gets whom groups or call lists forbid a line: "refuse"
	// (the default, 403) or "pretend_idle": accepted, and the lamp is idle for ever, so
	// that the refusal itself is not seen. Ours.
	RefusedAs string `json:"refused_as,omitempty"`
	// MaxSubscriptions bounds all subscriptions together, as CME's max-subscription (100
	// to the platform's directory numbers, default 100); here any number, and 0 = no
	// limit, the default. Beyond it a request is answered Unavailable.
	MaxSubscriptions int `json:"max_subscriptions,omitempty"`
	// MaxSubscriptionsPerWatcher bounds those of one watcher; 0 = no limit.
	MaxSubscriptionsPerWatcher int `json:"max_subscriptions_per_watcher,omitempty"`
	// WatcherAll is CME's watcher all: watchers from a trunk without a security profile
	// may watch our lines. Default false, as CME.
	WatcherAll bool `json:"watcher_all,omitempty"`
	// AllowSubscribe is CME's allow subscribe: our watchers may watch external
	// presentities. Default true (CME: false), since nothing is external without a route.
	AllowSubscribe *bool `json:"allow_subscribe,omitempty"`
	// RetryInterval is how many seconds pass before an external presentity is asked
	// again: CME's sccp blf-speed-dial retry-interval, 60 to 3600; 0 = 60, its default.
	RetryInterval int `json:"retry_interval,omitempty"`
	// RetryLimit is how often it is asked again: CME's limit, 10 to 100; 0 = 10, its default.
	RetryLimit int `json:"retry_limit,omitempty"`
	// DefaultTenant is the tenant of our own addresses and of hosts without a domain; by
	// default the first one listed.
	DefaultTenant string `json:"default_tenant,omitempty"`
	// LearnDomains: a domain that a PBX reports and no tenant lists becomes a tenant of
	// that name. Default true.
	LearnDomains *bool `json:"learn_domains,omitempty"`
	// UnknownWatchers says what becomes of watchers that are no phone or user of the document.
	UnknownWatchers UnknownWatchers `json:"unknown_watchers,omitzero"`
	// Tenants are fully apart from each other: groups, partitions, numbers and all.
	// Without any there is one, named "default".
	Tenants []Tenant `json:"tenants,omitempty"`
	// CrossTenantPermissions are the only way to watch a line of another tenant.
	CrossTenantPermissions []CrossTenantPermission `json:"cross_tenant_permissions,omitempty"`
}

// UnknownWatchers are those that are neither a phone nor a user of the document.
type UnknownWatchers struct {
	// TrustedNetworks are prefixes or single addresses; watchers from there need no
	// credentials. Default: loopback, link-local and private networks.
	TrustedNetworks []string `json:"trusted_networks,omitempty"`
	// As is what an unknown watcher from a trusted network counts as: the name of a
	// presence group (default "Standard"), or "refuse" or "challenge".
	As string `json:"as,omitempty"`
	// Others is what an unknown watcher from anywhere else gets: "challenge" (default)
	// or "refuse".
	Others string `json:"others,omitempty"`
}

// Tenant is one customer: a set of numbers, groups and phones of its own.
type Tenant struct {
	// Name is unique among tenants, any case.
	Name string `json:"name"`
	// Domains are the hosts by which requests and PBX devices find this tenant, any
	// case, without port. A single tenant takes any host.
	Domains []string `json:"domains,omitempty"`
	// CountryCode ("1", "64") makes national numbers compare equal to international ones.
	CountryCode string `json:"country_code,omitempty"`
	// InternationalPrefix is what is dialled for "+", besides "00".
	InternationalPrefix string `json:"international_prefix,omitempty"`
	// NationalPrefix is what is dialled before a national number: default "0", or none
	// where the country code is 1; "none" where the digit belongs to the number (Italy).
	NationalPrefix string `json:"national_prefix,omitempty"`
	// NationalDigits is how many digits a national number without prefix has, where it
	// is fixed: default 10 for country code 1, else 0 = not recognised without prefix.
	NationalDigits int `json:"national_digits,omitempty"`
	// PickupCode is dialled before a number to pick it up. Default "*89".
	PickupCode string `json:"pickup_code,omitempty"`
	// LoginCode is dialled on a phone with extension mobility to log in there, before the
	// user and, behind a *, the user's pin: "*56" makes it *562001*1234. The user is a user
	// id, or the primary line of a device profile, which is then the one in force. Empty
	// (the default) = logins are not dialled.
	LoginCode string `json:"login_code,omitempty"`
	// LogoutCode is dialled on a phone to log out whoever is logged in there, such as
	// "*57". Empty (the default) = logouts are not dialled.
	LogoutCode string `json:"logout_code,omitempty"`
	// Learn: a number that a PBX of the tenant reports is a line of the <None> partition
	// with the Standard group, also when it is not listed. Default true.
	Learn *bool `json:"learn,omitempty"`
	// PresenceGroups are those besides Standard, which is always there.
	PresenceGroups []PresenceGroup `json:"presence_groups,omitempty"`
	// Permissions are the relations between groups that are not system_default.
	Permissions []GroupPermission `json:"permissions,omitempty"`
	// Partitions are those that lines, patterns and calling search spaces refer to.
	Partitions []Partition `json:"partitions,omitempty"`
	// CallingSearchSpaces are those that watchers refer to.
	CallingSearchSpaces []CallingSearchSpace `json:"calling_search_spaces,omitempty"`
	// LineClasses are options that many lines have in common.
	LineClasses []LineClass `json:"line_classes,omitempty"`
	// Lines are the presentities that need more than a number that a PBX reports.
	Lines []DirectoryNumber `json:"lines,omitempty"`
	// Phones are the watchers with buttons and groups of their own.
	Phones []Phone `json:"phones,omitempty"`
	// EndUsers are people whose applications watch, or who log in on phones.
	EndUsers []EndUser `json:"end_users,omitempty"`
	// DeviceProfiles are what phones with extension mobility take over.
	DeviceProfiles []DeviceProfile `json:"device_profiles,omitempty"`
	// TrunkSecurityProfiles are what is asked of requests from trunks.
	TrunkSecurityProfiles []TrunkSecurityProfile `json:"trunk_security_profiles,omitempty"`
	// Trunks are the other systems, as watchers and as the way to their lines.
	Trunks []Trunk `json:"trunks,omitempty"`
	// ApplicationUsers are the applications behind trunks.
	ApplicationUsers []ApplicationUser `json:"application_users,omitempty"`
	// RoutePatterns say which trunks reach an external number.
	RoutePatterns []RoutePattern `json:"route_patterns,omitempty"`
	// SIPRoutePatterns do it for the hosts of SIP URIs.
	SIPRoutePatterns []SIPRoutePattern `json:"sip_route_patterns,omitempty"`
	// RouteLists are tried group by group.
	RouteLists []RouteList `json:"route_lists,omitempty"`
	// RouteGroups are tried trunk by trunk.
	RouteGroups []RouteGroup `json:"route_groups,omitempty"`
	// DefaultPresenceTrunk takes numbers that are found nowhere else: CME's server.
	DefaultPresenceTrunk string `json:"default_presence_trunk,omitempty"`
	// HuntPilots are numbers that cannot be watched.
	HuntPilots []HuntPilot `json:"hunt_pilots,omitempty"`
	// AuthenticatePresence is CME's authenticate presence: requests from a trunk without
	// a security profile need digest credentials. Default false, as CME.
	AuthenticatePresence bool `json:"authenticate_presence,omitempty"`
	// AuthenticateCredentials are CME's authenticate credential: up to five CSV files of
	// user names and passwords that a trunk's other end may present.
	AuthenticateCredentials []CredentialFile `json:"authenticate_credentials,omitempty"`
}

// PresenceGroup is a set of watchers and presentities (CUCM, Table 20-3).
type PresenceGroup struct {
	// Name is unique in the tenant, any case; Standard is there already.
	Name string `json:"name"`
	// Description is for people.
	Description string `json:"description,omitempty"`
}

// GroupPermission is the relation from the group of a watcher to the group of a
// presentity. It is directed: the other way round is another permission. From and To
// may be the same group to narrow the view or forbid pickup within it; watching itself
// is always allowed there.
type GroupPermission struct {
	// From is the watcher's group.
	From string `json:"from"`
	// To is the presentity's group.
	To string `json:"to"`
	// Subscribe is allow, disallow or system_default (the default).
	Subscribe Permission `json:"subscribe,omitempty"`
	// View is how much a watcher sees; left out = all.
	View *View `json:"view,omitempty"`
	// Pickup says whether the watcher may pick up the presentity's calls; left out = it may
	// where it may watch.
	Pickup *bool `json:"pickup,omitempty"`
}

// CrossTenantPermission lets a group of one tenant watch a group of another. Without a
// permission that allows it, the other tenant's lines do not exist for the watcher.
type CrossTenantPermission struct {
	// From is the watcher's group.
	From TenantGroup `json:"from"`
	// To is the presentity's group.
	To TenantGroup `json:"to"`
	// View is how much a watcher sees; left out = all.
	View *View `json:"view,omitempty"`
	// Pickup says whether the watcher may pick up the presentity's calls; left out = not
	// across tenants.
	Pickup *bool `json:"pickup,omitempty"`
}

// TenantGroup names a presence group of a tenant.
type TenantGroup struct {
	// Tenant is the name of a tenant.
	Tenant string `json:"tenant"`
	// PresenceGroup is empty for Standard.
	PresenceGroup string `json:"presence_group,omitempty"`
}

// Partition is a named set of directory numbers; the same number may be in several.
type Partition struct {
	// Name is unique in the tenant, and has no @.
	Name string `json:"name"`
	// Description is for people.
	Description string `json:"description,omitempty"`
}

// CallingSearchSpace is an ordered list of partitions; the first that holds the number
// wins. As in CUCM the <None> partition is searched last, unless it is listed.
type CallingSearchSpace struct {
	// Name is unique in the tenant.
	Name string `json:"name"`
	// Description is for people.
	Description string `json:"description,omitempty"`
	// Partitions are searched in this order.
	Partitions []string `json:"partitions,omitempty"`
}
