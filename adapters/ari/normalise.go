package ari

import (
	"strings"

	"blfbridge/bridge/device"
)

// Asterisk's words for a device state (devicestate.c, as ARI spells them).
const (
	rawUnknown     = "UNKNOWN"
	rawNotInUse    = "NOT_INUSE"
	rawInUse       = "INUSE"
	rawBusy        = "BUSY"
	rawInvalid     = "INVALID"
	rawUnavailable = "UNAVAILABLE"
	rawRinging     = "RINGING"
	rawRingInUse   = "RINGINUSE"
	rawOnHold      = "ONHOLD"
)

// inUse says whether a raw state claims that the device has a call.
func inUse(raw string) bool {
	switch raw {
	case rawInUse, rawBusy, rawRinging, rawRingInUse, rawOnHold:
		return true
	}
	return false
}

// stateOfRaw is the lamp of a phone of which only the device state is known.
// ONHOLD is busy and nothing more: Asterisk says it of the party being held.
func stateOfRaw(raw string) device.State {
	switch raw {
	case rawNotInUse:
		return device.Idle
	case rawRinging:
		return device.Ringing
	case rawInUse, rawBusy, rawRingInUse, rawOnHold:
		return device.Busy
	}
	return device.Unknown // not registered, not there, or a word we do not know
}

// stateOfSpecial is stateOfRaw for park slots, conferences, queues and custom states.
// Conferences and queues have no provider that could be asked: their state exists from
// their first use on, and INVALID says only that there was none since Asterisk started.
func stateOfSpecial(name, raw string) device.State {
	if raw == rawInvalid && (hasPrefixFold(name, "confbridge:") || hasPrefixFold(name, "queue:")) {
		return device.Idle
	}
	return stateOfRaw(raw)
}

// dndOn reads a DND flag: FreePBX sets BUSY, others INUSE.
func dndOn(raw string) bool { return inUse(raw) }

// rawSet says whether a custom state was ever set; an unset flag is not reported.
func rawSet(raw string) bool { return raw != "" && raw != rawUnknown && raw != rawInvalid }

// sameRaw compares raw states; the two ways of not knowing are one.
func sameRaw(a, b string) bool { return a == b || !rawSet(a) && !rawSet(b) }

// endpointTechs are the channel technologies whose devices are phones (or trunks) and
// whose channels are named after the device. Others are learned from GET /endpoints.
var endpointTechs = map[string]bool{
	"PJSIP": true, "SIP": true, "IAX2": true, "SCCP": true, "Skinny": true, "DAHDI": true, "UNISTIM": true, "MGCP": true,
}

// specialPrefixes are the devices that are reported as soon as an event names them.
var specialPrefixes = []string{"park:", "confbridge:", "Queue:", "Stasis:"}

// deviceOfChannel names the device of a channel: "PJSIP/1001-0000000c" → "PJSIP/1001".
// It is empty for what is no leg of a device: zombies and the stand-ins of a masquerade.
func deviceOfChannel(name string) string {
	if strings.Contains(name, "<") { // "PJSIP/1001-0000000c<ZOMBIE>", "…<MASQ>"
		return ""
	}
	tech, rest, ok := strings.Cut(name, "/")
	if !ok || tech == "" {
		return ""
	}
	i := strings.LastIndexByte(rest, '-')
	if i <= 0 {
		return ""
	}
	return name[:len(tech)+1+i]
}

// techOf is the technology of "PJSIP/1001", empty for other names.
func techOf(name string) string {
	tech, rest, ok := strings.Cut(name, "/")
	if !ok || rest == "" || strings.ContainsAny(tech, ":@") {
		return ""
	}
	return tech
}

// numeric says whether an endpoint's name can be an extension, so that it is worth
// asking for its DND flag.
func numeric(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
