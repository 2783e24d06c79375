package pickup

import (
	"net/netip"
	"strings"

	"blfbridge/policy"
)

// Sender is whom a request comes from, as the proxy knows it.
type Sender struct {
	// AOR is user@host: what is registered on the flow where Registered, else what From claims.
	AOR        string
	Registered bool
	Source     netip.Addr
}

// Who says as whom the policy sees a sender, and which tenant the host of its request URI
// means. It is the identity that a SUBSCRIBE of the same phone would have. A host that is
// nobody's means the sender's own tenant: the PBX may well serve it.
func (p *Picker) Who(s Sender, host string) (w policy.Watcher, tenant string) {
	snap := p.Policy()
	user, from, _ := strings.Cut(s.AOR, "@")
	home, known := snap.TenantByHost(from, nil)
	tenant, ok := snap.TenantByHost(host, p.Ours)
	switch {
	case !known && ok:
		home = tenant
	case !known:
		home, _ = snap.TenantByHost("", nil)
	}
	if !ok {
		tenant = home
	}
	w, known = snap.WatcherByIdentity(home, user)
	if !known {
		w.ID = user
		if from != "" {
			w.ID += "@" + from
		}
	}
	w.Trusted = s.Registered || snap.Trusts(s.Source)
	return w, tenant
}
