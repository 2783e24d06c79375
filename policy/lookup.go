package policy

import (
	"net/netip"
	"slices"
	"strings"
)

// LineInfo is a line of the document as other packages need it. Read only.
type LineInfo struct {
	Line
	// Numbers are all by which the line is found, normalised; the first is Line.Number.
	Numbers                  []string
	DisplayName, Description string
	PresenceGroup            string
	// Options are resolved against class and defaults: no field but Pickup is empty.
	Options             LineOptions
	Devices, DNDDevices []string
}

// PhoneInfo is a phone of the document as other packages need it. Read only.
type PhoneInfo struct {
	Tenant, Name string
	Devices      []string
	// Lines are the phone's lines, the primary one first: those of the device profile
	// where one is in force (extension mobility).
	Lines []Line
}

// Credential is what a digest user must prove.
type Credential struct {
	Digest
	// Watcher is who the user is, Trusted set: what holds once the digest did.
	Watcher Watcher
}

// Tenants lists the tenants: the document's in its order, then the learned ones, sorted.
func (s *Snapshot) Tenants() []string {
	return slices.Concat(s.listed, s.learned)
}

// Lines are the document's lines of a tenant, in its order. Read only.
func (s *Snapshot) Lines(tenant string) []LineInfo {
	t := s.tenants[tenant]
	if t == nil {
		return nil
	}
	out := make([]LineInfo, len(t.lines))
	for i, e := range t.lines {
		out[i] = e.info
	}
	return out
}

// Phones are the document's phones of a tenant, in its order. Read only.
func (s *Snapshot) Phones(tenant string) []PhoneInfo {
	if t := s.tenants[tenant]; t != nil {
		return t.phoneInfos
	}
	return nil
}

// PresenceGroups are the names of a tenant's groups, Standard first.
func (s *Snapshot) PresenceGroups(tenant string) []string {
	if t := s.tenants[tenant]; t != nil {
		return slices.Clone(t.groupNames)
	}
	return nil
}

// TenantByHost finds the tenant of the host of a request URI; port, case and trailing
// dot do not matter. A single tenant takes any host; else our own addresses, as ours
// tells (given the bare host; nil = none is), belong to the default tenant, and so does
// an empty host.
func (s *Snapshot) TenantByHost(host string, ours func(host string) bool) (tenant string, ok bool) {
	h := normaliseHost(host)
	if t := s.hosts[h]; t != nil {
		return t.name, true
	}
	if s.sole != nil {
		return s.sole.name, true
	}
	if h == "" || ours != nil && ours(h) {
		return s.fallback, true
	}
	return "", false
}

// TenantOfDevice finds the tenant of a device by the domain its PBX reports. Without a
// domain it is sourceTenant, and the default tenant if that is empty too. ok is false
// if nobody has the domain and learn_domains is off. The tenant may not exist yet: it
// does once the domain is passed to WithDomains.
func (s *Snapshot) TenantOfDevice(domain, sourceTenant string) (tenant string, ok bool) {
	d := normaliseHost(domain)
	if d == "" {
		if sourceTenant != "" {
			return sourceTenant, true
		}
		return s.fallback, true
	}
	if t := s.hosts[d]; t != nil {
		return t.name, true
	}
	if t := s.soleListed(); t != nil && len(t.domains) == 0 {
		return t.name, true
	}
	return d, s.learnDomains
}

// soleListed is the only tenant the document lists, nil if it lists none or several.
func (s *Snapshot) soleListed() *tenant {
	if len(s.listed) == 1 && s.tenants[s.listed[0]].listed {
		return s.tenants[s.listed[0]]
	}
	return nil
}

// Normalise makes the numbers of a tenant comparable: the user part of a URI with
// percent escapes, parameters and visual separators resolved; "+", "00", the
// international prefix and, where the tenant has a country code, national numbers
// become the bare international digits. Short numbers and names stay as they are.
// It is idempotent.
func (s *Snapshot) Normalise(tenant, number string) string {
	if t := s.tenants[tenant]; t != nil {
		return t.dial.normalise(number)
	}
	return bareDialPlan.normalise(number)
}

var bareDialPlan = newDialPlan(&Tenant{})

// StripPickup takes the tenant's pickup code off a number and normalises the rest,
// which is empty for the bare code. A number that is a line of its own keeps its code.
func (s *Snapshot) StripPickup(tenant, number string) (rest string, had bool) {
	n := s.Normalise(tenant, number)
	t := s.tenants[tenant]
	code := DefaultPickupCode
	if t != nil {
		code = t.pickup
		if len(t.numbers[n]) > 0 {
			return n, false
		}
	}
	if rest, had = strings.CutPrefix(n, code); had {
		return s.Normalise(tenant, rest), true
	}
	return n, false
}

// PickupCode is what is dialled before a number of the tenant to pick it up.
func (s *Snapshot) PickupCode(tenant string) string {
	if t := s.tenants[tenant]; t != nil {
		return t.pickup
	}
	return DefaultPickupCode
}

// FindLine finds a listed line by any of its numbers in a calling search space of the
// tenant (empty = none: the <None> partition only).
func (s *Snapshot) FindLine(tenant, callingSearchSpace, number string) (LineInfo, bool) {
	t := s.tenants[tenant]
	if t == nil {
		return LineInfo{}, false
	}
	sp := t.noSpace
	if callingSearchSpace != "" {
		if sp = t.spaces[callingSearchSpace]; sp == nil {
			return LineInfo{}, false
		}
	}
	if e := t.find(sp, t.dial.normalise(number)); e != nil {
		return e.info, true
	}
	return LineInfo{}, false
}

// Learns reports whether a device that a PBX of the tenant reports is a line of its own
// number without being listed. It is not while learn is off, or while a line outside
// the <None> partition or the Standard group, or one that may not be watched, lists the
// device: its lamp would leak under the number of the device.
func (s *Snapshot) Learns(tenant, device string) bool {
	t := s.tenants[tenant]
	return t != nil && t.learn && !t.claims[device]
}

// WatcherByIdentity finds the phone or end user that a watcher claims to be: by any
// number of a phone's lines, the phone's name, the number in its device names, a digest
// user or a user id. A number on several phones is the one's whose primary line it is,
// the first listed of those. Trusted is left to the caller. ok is false for a watcher
// the document does not know; the Watcher is usable then too, of kind WatcherUnknown.
func (s *Snapshot) WatcherByIdentity(tenant, number string) (w Watcher, ok bool) {
	w = Watcher{Tenant: tenant, ID: number}
	t := s.tenants[tenant]
	if t == nil {
		return w, false
	}
	e := t.identity(t.dial.normalise(number))
	if e == nil {
		return w, false
	}
	w.Kind, w.ID = e.kind, e.name
	return w, true
}

// Credentials finds a digest user of a tenant.
func (s *Snapshot) Credentials(tenant, username string) (Credential, bool) {
	t := s.tenants[tenant]
	if t == nil {
		return Credential{}, false
	}
	return t.credential(username)
}

func (t *tenant) credential(username string) (Credential, bool) {
	c, ok := t.creds[username]
	if !ok {
		c, ok = t.fileCreds[username]
	}
	return c, ok
}

// Trusts reports whether addr is in a trusted network: watchers from there need no
// credentials (Watcher.Trusted).
func (s *Snapshot) Trusts(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(s.trusted, func(p netip.Prefix) bool { return p.Contains(addr) })
}
