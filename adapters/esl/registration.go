package esl

// regKey is one registration: FreeSWITCH keeps several of a user apart by these.
type regKey struct{ callID, contact string }

// maxRegs bounds the registrations remembered of one user.
const maxRegs = 64

func regTomb(user string, k regKey) string {
	return "reg\x00" + user + "\x00" + k.callID + "\x00" + k.contact
}

// registration applies sofia::register, unregister and expire. The latter names its user
// in other headers. PRESENCE_IN is no help: Registered is debounced for 30 s, and there
// is none at an unregister when a user may have several registrations.
func (m *model) registration(e *event) {
	user, host := e.get("from-user"), e.get("from-host")
	if e.subclass == "sofia::expire" {
		user, host = e.get("user"), e.get("host")
	}
	if user == "" || host == "" || m.profiles != nil && !m.profiles[e.get("profile-name")] {
		return
	}
	name := user + "@" + host
	k := regKey{e.get("call-id"), e.get("contact")}
	if e.subclass == "sofia::register" {
		m.addReg(name, k, m.gen)
		m.gone.raise(regTomb(name, k))
	} else {
		m.dropReg(name, k)
		m.gone.bury(regTomb(name, k), m.gen, m.now)
	}
}

// addReg notes a registration. One of the same contact is replaced: the phone was
// restarted and has a new Call-ID, which FreeSWITCH tells nobody.
func (m *model) addReg(name string, k regKey, gen uint64) {
	u := m.user(name)
	for o := range u.regs {
		if o != k && o.contact == k.contact {
			delete(u.regs, o)
		}
	}
	if _, ok := u.regs[k]; !ok && len(u.regs) >= maxRegs {
		return
	}
	u.regs[k] = gen
	u.registered = true
	m.knowDomain(domainOf(name))
	m.touch(name)
}

// knowDomain admits a domain; what has been heard of its users so far becomes visible.
func (m *model) knowDomain(d string) {
	if _, ok := m.known[d]; ok {
		return
	}
	m.known[d] = struct{}{}
	for name := range m.users {
		if domainOf(name) == d {
			m.touch(name)
			m.touch(dndName(name))
		}
	}
}

func (m *model) dropReg(name string, k regKey) {
	u := m.users[name]
	if u == nil {
		return
	}
	delete(u.regs, k)
	u.registered = true
	if len(u.regs) == 0 && u.dnd&dndPublished != 0 {
		m.setDND(name, dndPublished, false) // a phone that is gone publishes no more
	}
	m.touch(name)
}
