package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// PhoneRef names a phone of a tenant.
type PhoneRef struct {
	Tenant string `json:"tenant"`
	Phone  string `json:"phone"`
}

// Login is an end user who has logged in on a phone (extension mobility).
type Login struct {
	UserID string `json:"user_id"`
	// Profile is one of the user's device profiles; empty = the first.
	Profile string `json:"profile,omitempty"`
}

// Logins are who is logged in where. They are kept beside the document, since they come
// and go with people; Snapshot.WithLogins lets decisions see them. Treat a value as
// immutable: LogIn and LogOut return new ones.
type Logins map[PhoneRef]Login

// Errors of LogIn and LogOut.
var (
	ErrNoPhone     = errors.New("policy: no such phone")
	ErrNoUser      = errors.New("policy: no such end user")
	ErrNoProfile   = errors.New("policy: the end user has no such device profile")
	ErrNotMobile   = errors.New("policy: the phone has no extension mobility")
	ErrNotLoggedIn = errors.New("policy: nobody is logged in there")
)

// LogIn logs a user in on a phone, and out of every other one: a profile is on one phone
// at a time. profile may be empty for the user's first. Whoever was logged in there
// before is not any more.
func (l Logins) LogIn(s *Snapshot, phone PhoneRef, user, profile string) (Logins, error) {
	if _, err := s.LoginProfile(phone, Login{user, profile}); err != nil {
		return nil, err
	}
	next := Logins{}
	for p, in := range l {
		if p != phone && (p.Tenant != phone.Tenant || in.UserID != user) {
			next[p] = in
		}
	}
	next[phone] = Login{user, profile}
	return next, nil
}

// LoginProfile names the device profile that a login puts in force on a phone. The error
// says why the document does not allow the login: such a one counts for nothing.
func (s *Snapshot) LoginProfile(phone PhoneRef, in Login) (string, error) {
	t := s.tenants[phone.Tenant]
	if t == nil || t.phones[phone.Phone] == nil {
		return "", fmt.Errorf("%w: %q of tenant %q", ErrNoPhone, phone.Phone, phone.Tenant)
	}
	if !t.phones[phone.Phone].mobile {
		return "", fmt.Errorf("%w: %q", ErrNotMobile, phone.Phone)
	}
	u := t.users[in.UserID]
	if u == nil {
		return "", fmt.Errorf("%w: %q", ErrNoUser, in.UserID)
	}
	p := u.profile(t, in.Profile)
	if p == nil {
		return "", fmt.Errorf("%w: %q has %s", ErrNoProfile, in.UserID, orList(u.profiles))
	}
	return p.name, nil
}

// LogOut logs out whoever is logged in on a phone: its logout profile is in force again.
func (l Logins) LogOut(phone PhoneRef) (Logins, error) {
	if _, ok := l[phone]; !ok {
		return nil, fmt.Errorf("%w: %q of tenant %q", ErrNotLoggedIn, phone.Phone, phone.Tenant)
	}
	next := maps.Clone(l)
	delete(next, phone)
	return next, nil
}

// WithLogins returns the snapshot with these users logged in, and no others: group and
// calling search space of such a phone are the user's, its buttons and lines those of the
// profile. Logins that the document no longer allows count for nothing.
func (s *Snapshot) WithLogins(l Logins) *Snapshot {
	byTenant := map[string]map[string]Login{}
	for p, in := range l {
		if byTenant[p.Tenant] == nil {
			byTenant[p.Tenant] = map[string]Login{}
		}
		byTenant[p.Tenant][p.Phone] = in
	}
	return s.mapTenants(func(t *tenant) *tenant {
		base := t
		if t.base != nil {
			base = t.base
		}
		return base.withLogins(byTenant[t.name])
	})
}

// mapTenants replaces tenants; fn returns its argument for one that stays.
func (s *Snapshot) mapTenants(fn func(*tenant) *tenant) *Snapshot {
	n := *s
	n.tenants, n.hosts = make(map[string]*tenant, len(s.tenants)), maps.Clone(s.hosts)
	for name, t := range s.tenants {
		n.tenants[name] = fn(t)
	}
	for h, t := range n.hosts {
		n.hosts[h] = n.tenants[t.name]
	}
	if s.sole != nil {
		n.sole = n.tenants[s.sole.name]
	}
	return &n
}

// withLogins is a base tenant with users logged in.
func (t *tenant) withLogins(logins map[string]Login) *tenant {
	n := *t
	n.base, n.sessions, n.sessionIDs = t, map[string]*watcherEntry{}, map[string]*watcherEntry{}
	for i := range t.phoneInfos {
		in, ok := logins[t.phoneInfos[i].Name]
		if !ok {
			continue
		}
		phone, user := t.phones[t.phoneInfos[i].Name], t.users[in.UserID]
		if !phone.mobile || user == nil {
			continue
		}
		p := user.profile(t, in.Profile)
		if p == nil {
			continue
		}
		if len(n.sessions) == 0 {
			n.phoneInfos = slices.Clone(t.phoneInfos)
		}
		e := phone.wearing(p, user.group, user.space)
		e.user = in.UserID
		e.rule = fmt.Sprintf("phone %s, end user %s with device profile %s", phone.name, in.UserID, p.name)
		n.sessions[phone.name] = e
		if len(p.lines) > 0 {
			n.phoneInfos[i].Lines = p.lines
		}
		for _, number := range p.numbers {
			if n.sessionIDs[number] == nil {
				n.sessionIDs[number] = e
			}
		}
	}
	if len(n.sessions) == 0 {
		return t
	}
	n.devices = n.compileDevices(n.phoneInfos)
	return &n
}

// Worn names the device profile in force on a phone, and the end user whose it is:
// nobody for a logout profile, and both are empty if there is none.
func (s *Snapshot) Worn(phone PhoneRef) (user, profile string) {
	if t := s.tenants[phone.Tenant]; t != nil {
		if e := t.phone(phone.Phone); e != nil {
			return e.user, e.worn
		}
	}
	return "", ""
}

// phone is a phone as it is now.
func (t *tenant) phone(name string) *watcherEntry {
	if e := t.sessions[name]; e != nil {
		return e
	}
	return t.phones[name]
}

// identity is who has a normalised identity now.
func (t *tenant) identity(id string) *watcherEntry {
	if e := t.sessionIDs[id]; e != nil {
		return e
	}
	return t.identities[id]
}

// profileEntry is a compiled device profile.
type profileEntry struct {
	name        string
	auto        bool
	group       uint32
	space       *space
	buttons     []button
	provisioned bool
	lines       []Line
	numbers     []string // of all lines
}

func (t *tenant) compileProfiles(d *Tenant) {
	for i := range d.DeviceProfiles {
		p := &d.DeviceProfiles[i]
		e := &profileEntry{
			name: p.Name, auto: p.Autogenerated, group: t.group(p.PresenceGroup), space: t.space(p.SubscribeCallingSearchSpace),
			buttons: t.compileButtons(p.BLFButtons, "device profile "+p.Name), provisioned: len(p.BLFButtons) > 0,
		}
		for _, ref := range p.Lines {
			l, numbers := t.phoneLine(ref)
			e.lines = append(e.lines, l)
			e.numbers = append(e.numbers, numbers...)
		}
		t.profiles[p.Name] = e
	}
	// A user's profile has the user's group, whoever of the phones shows it.
	for i := range d.EndUsers {
		u := &d.EndUsers[i]
		for _, name := range u.DeviceProfiles {
			if p := t.profiles[name]; !p.auto {
				p.group, p.space = t.group(u.PresenceGroup), t.space(u.SubscribeCallingSearchSpace)
			}
		}
	}
}

// profile of an end user; empty is the first.
func (e *watcherEntry) profile(t *tenant, name string) *profileEntry {
	for _, p := range e.profiles {
		if name == "" || p == name {
			return t.profiles[p]
		}
	}
	return nil
}

// wearing is a phone with a device profile on.
func (e *watcherEntry) wearing(p *profileEntry, group uint32, sp *space) *watcherEntry {
	n := *e
	n.group, n.space, n.buttons, n.provisioned, n.worn = group, sp, p.buttons, p.provisioned, p.name
	return &n
}

// compileDevices finds for every line the phone whose primary line it is: of several the
// first in the document, as CME takes the lowest tag.
func (t *tenant) compileDevices(phones []PhoneInfo) map[Line]*deviceEntry {
	devices := make(map[Line]*deviceEntry, len(phones))
	for i := range phones {
		p := &phones[i]
		if len(p.Lines) == 0 || devices[p.Lines[0]] != nil {
			continue
		}
		e := &deviceEntry{phone: p.Name}
		for _, l := range p.Lines {
			for _, x := range t.numbers[l.Number] {
				if x.info.Line == l && !x.allowWatch && e.offRule == "" {
					e.offRule = fmt.Sprintf("phone %s as a device: allow watch off for its line %s", p.Name, l.Number)
				}
			}
		}
		devices[p.Lines[0]] = e
	}
	return devices
}
