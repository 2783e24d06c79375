package certs

import (
	"crypto/x509"
	"time"
)

// notice is how long before the end of a certificate warnings begin, at most.
const notice = 14 * 24 * time.Hour

func leafOf(key, file string, c *x509.Certificate) leaf {
	names := c.DNSNames
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		names = []string{c.Subject.CommonName}
	}
	return leaf{key: key + ".cert_file", file: file, names: names, notBefore: c.NotBefore, notAfter: c.NotAfter}
}

// soon is when warnings begin: short-lived certificates are renewed late in their life.
func (l leaf) soon() time.Time {
	return l.notAfter.Add(-min(notice, l.notAfter.Sub(l.notBefore)/4))
}

// trouble words what is wrong with a certificate at a time; empty if nothing is. An
// expired one is served all the same: most phones do not look, and all would lose their
// lamps if the server refused to start.
func (l leaf) trouble(now time.Time) (what, fix string) {
	switch {
	case now.After(l.notAfter):
		return "the certificate has expired", "renew it; it is taken over without a restart"
	case now.Before(l.notBefore):
		return "the certificate is not valid yet", "check this host's clock, or take another certificate"
	case now.After(l.soon()):
		return "the certificate expires soon", "renew it; it is taken over without a restart"
	}
	return "", ""
}

// Troubles says in words which certificates have expired or do soon, for health checks.
func (k *Keeper) Troubles(now time.Time) (out []string) {
	for _, l := range k.current.Load().leaves {
		if what, fix := l.trouble(now); what != "" {
			out = append(out, l.key+": "+l.file+": "+what+"; "+fix)
		}
	}
	return out
}

// warn logs certificates in trouble, each once a day. The lock is held.
func (k *Keeper) warn(now time.Time) {
	for _, l := range k.current.Load().leaves {
		what, fix := l.trouble(now)
		if what == "" || now.Sub(k.warned[l.file]) < 24*time.Hour {
			continue
		}
		k.warned[l.file] = now
		say := k.log.Warn
		if now.After(l.notAfter) {
			say = k.log.Error
		}
		say(what, "key", l.key, "file", l.file, "not_before", l.notBefore, "not_after", l.notAfter, "fix", fix)
	}
}
