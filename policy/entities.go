package policy

// LineClass holds options for many lines, as CME's ephone-dn template does: what the
// line itself says has priority.
type LineClass struct {
	// Name is unique in the tenant.
	Name string `json:"name"`
	// Description is for people.
	Description string `json:"description,omitempty"`
	LineOptions `json:",inline"`
}

// LineOptions are the settings that a class and a line have in common.
type LineOptions struct {
	// AllowWatch is CME's allow watch; here it is on unless switched off.
	AllowWatch *bool `json:"allow_watch,omitempty"`
	// RingInUse is what a line shows that is in a call while another call rings it:
	// "busy" (default) or "ringing".
	RingInUse StateWord `json:"ring_in_use,omitempty"`
	// RingInAs is what a ringing line shows: "ringing" (default), "idle" (CUCM, SCCP and
	// SIP phones) or "busy" (CUCM, H.323 phones; CME).
	RingInAs StateWord `json:"ring_in_as,omitempty"`
	// UnregisteredAs is what a line shows none of whose devices is known: "unknown"
	// (default) or "idle" (CUCM, H.323 phones).
	UnregisteredAs StateWord `json:"unregistered_as,omitempty"`
	// OffhookAs is what a line shows whose own outgoing call is not answered yet: "busy"
	// (default) or "idle" (CUCM, phones that do not detect off-hook).
	OffhookAs StateWord `json:"offhook_as,omitempty"`
	// Pickup overrides who may pick the line's calls up: false is nobody, buttons or not;
	// true is whoever may watch it. Left out, the permission of the groups decides.
	Pickup *bool `json:"pickup,omitempty"`
}

// DirectoryNumber is one line: a presentity.
type DirectoryNumber struct {
	// Number is how the line is dialled, as a PBX reports it or with its prefixes.
	Number string `json:"number"`
	// Partition is empty or "<None>" for the numbers without one.
	Partition string `json:"partition,omitempty"`
	// Aliases are further numbers by which the line is watched, such as 13106341777.
	Aliases []string `json:"aliases,omitempty"`
	// Description is for people.
	Description string `json:"description,omitempty"`
	// DisplayName is shown with the number, in consoles and bodies.
	DisplayName string `json:"display_name,omitempty"`
	// PresenceGroup is empty for Standard.
	PresenceGroup string `json:"presence_group,omitempty"`
	// Class names a line class.
	Class       string `json:"class,omitempty"`
	LineOptions `json:",inline"`
	// Devices are the PBX's names of what rings on this number: "PJSIP/1001",
	// "1001@tenant.example", "park:701@parkedcalls". Without any, the devices of the
	// phones whose primary line this is, and every device of the same number.
	Devices []string `json:"devices,omitempty"`
	// DNDDevices are do-not-disturb flags by name, such as "Custom:DND1001", besides
	// the flag that a PBX reports for the number itself.
	DNDDevices []string `json:"dnd_devices,omitempty"`
}

// Phone is a watcher with buttons. "A phone serves as a watcher; a line on a phone
// cannot" (CUCM, note to Table 20-1).
type Phone struct {
	// Name is unique in the tenant, such as SEP001122334455.
	Name string `json:"name"`
	// Description is for people.
	Description string `json:"description,omitempty"`
	// Device is the PBX's name of the phone, such as PJSIP/1001.
	Device string `json:"device,omitempty"`
	// Devices are its names where there are several; both keys may be used.
	Devices []string `json:"devices,omitempty"`
	// Lines are numbers, or number and partition as "1001@Internal"; the first is the
	// primary line. They need not be listed under lines while the tenant learns.
	Lines []string `json:"lines,omitempty"`
	// PresenceGroup is empty for Standard.
	PresenceGroup string `json:"presence_group,omitempty"`
	// SubscribeCallingSearchSpace is empty for None.
	SubscribeCallingSearchSpace string `json:"subscribe_calling_search_space,omitempty"`
	// Owner is an end user's user id, for show.
	Owner string `json:"owner,omitempty"`
	// ExtensionMobility lets end users log in on the phone. Default false.
	ExtensionMobility bool `json:"extension_mobility,omitempty"`
	// LogoutProfile names the device profile in force while nobody is logged in; empty =
	// the phone's own settings.
	LogoutProfile string `json:"logout_profile,omitempty"`
	// Digest are the phone's credentials; without any it is known by its lines, from trusted networks.
	Digest *Digest `json:"digest,omitempty"`
	// BLFButtons are the BLF/SpeedDial buttons, in the order of the keys.
	BLFButtons []BLFButton `json:"blf_buttons,omitempty"`
	// BLFCallLists: may this phone's call lists show lamps (on, off, default).
	BLFCallLists Switch `json:"blf_call_lists,omitempty"`
}

// EndUser is a person whose own application (a directory, a soft client) subscribes.
type EndUser struct {
	// UserID is unique in the tenant.
	UserID string `json:"user_id"`
	// DisplayName is shown beside the user id.
	DisplayName string `json:"display_name,omitempty"`
	// PresenceGroup is empty for Standard.
	PresenceGroup string `json:"presence_group,omitempty"`
	// SubscribeCallingSearchSpace is empty for None.
	SubscribeCallingSearchSpace string `json:"subscribe_calling_search_space,omitempty"`
	// Digest are the credentials of the user's applications.
	Digest *Digest `json:"digest,omitempty"`
	// DeviceProfiles are the user's for extension mobility; the first is the one a login
	// takes unless it names another.
	DeviceProfiles []string `json:"device_profiles,omitempty"`
	// PIN is dialled with a login: digits. Without one nothing but the user is dialled.
	PIN PIN `json:"pin,omitempty"`
}

// PIN is a secret of digits.
type PIN string

// Digest are the credentials of a phone or user: a password, or hashes of it for one
// realm, which keep the password out of the document.
type Digest struct {
	// Username is the user of the digest; no two phones or users of a tenant share one.
	Username string `json:"username"`
	// Password is the secret itself.
	Password string `json:"password,omitempty"`
	// HA1 is MD5(username:realm:password) in hexadecimal (RFC 7616 §3.4.2).
	HA1 string `json:"ha1,omitempty"`
	// HA1SHA256 is the same with SHA-256.
	HA1SHA256 string `json:"ha1_sha256,omitempty"`
}
