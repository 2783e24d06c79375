package policy

// Permission is a Subscription Permission of the Presence Group Configuration window
// (CUCM, Table 20-3). Empty means SystemDefault where a relation is meant, and Disallow
// for the service parameter itself.
type Permission string

const (
	// Allow lets members of the one group view the status of members of the other.
	Allow Permission = "allow"
	// Disallow blocks them.
	Disallow Permission = "disallow"
	// SystemDefault uses Default Inter-Presence Group Subscription.
	SystemDefault Permission = "system_default"
)

// Switch is a setting of a phone that may leave the choice to the whole system.
// Empty means SwitchDefault.
type Switch string

const (
	SwitchOn      Switch = "on"
	SwitchOff     Switch = "off"
	SwitchDefault Switch = "default"
)

// UnmarshalText also takes true, yes, false and no: many tools write "on" as one of them.
func (s *Switch) UnmarshalText(text []byte) error {
	switch w := Switch(text); w {
	case "true", "yes":
		*s = SwitchOn
	case "false", "no":
		*s = SwitchOff
	default:
		*s = w // Validate has the last word
	}
	return nil
}

// StateWord is a lamp state that an option of a line asks for: "unknown", "idle",
// "ringing" or "busy"; which of them an option takes is said there. Empty means the
// option's default.
type StateWord string

const (
	StateUnknown StateWord = "unknown"
	StateIdle    StateWord = "idle"
	StateRinging StateWord = "ringing"
	StateBusy    StateWord = "busy"
)

// What unknown_watchers can say besides the name of a presence group.
const (
	// Challenge asks for digest credentials (401).
	Challenge = "challenge"
	// Refuse answers 403.
	Refuse = "refuse"
)

// PretendIdle as refused_as shows an idle lamp instead of answering 403.
const PretendIdle = "pretend_idle"

// Ranges and defaults of the retries for external presentities, those of CME's
// sccp blf-speed-dial retry-interval (seconds) and limit.
const (
	DefaultRetryInterval, MinRetryInterval, MaxRetryInterval = 60, 60, 3600
	DefaultRetryLimit, MinRetryLimit, MaxRetryLimit          = 10, 10, 100
)

const (
	// StandardGroup exists in every tenant from the start and cannot be deleted
	// (CUCM: the Standard Presence Group). Whoever has no group is in it.
	StandardGroup = "Standard"
	// NonePartition is how a document names the partition of numbers without one.
	NonePartition = "<None>"
	// DefaultTenant is the tenant of a document that lists none.
	DefaultTenant = "default"
	// DefaultPickupCode is what a phone dials before a ringing number to pick it up.
	DefaultPickupCode = "*89"
	// DefaultInternationalPrefix is what is dialled for "+".
	DefaultInternationalPrefix = "00"
)
