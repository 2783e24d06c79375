package config

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

func (c *checker) pbxes(list []PBX) {
	if len(list) == 0 {
		c.bad("pbx", "add one: \"- {name: pbx, type: asterisk, url: http://127.0.0.1:8088, username: blf, password: …}\"",
			"is empty: there is no PBX whose lamps could be shown")
	}
	names := map[string]int{}
	for i := range list {
		p, at := &list[i], fmt.Sprintf("pbx[%d]", i)
		if p.Name != "" && !nameForm.MatchString(p.Name) {
			c.bad(at+".name", "use letters, digits, dot, dash and underscore", "%q cannot be a name", p.Name)
		}
		if first, twice := names[p.Name]; twice && p.Name != "" {
			c.bad(at+".name", "names are unique", "%q is pbx[%d]'s too", p.Name, first)
		} else {
			names[p.Name] = i
		}
		switch p.Type {
		case "asterisk":
			c.asterisk(at, p)
		case "freeswitch":
			c.freeswitch(at, p)
		}
		c.pickup(at, p)
		c.between(at+".grace", p.Grace, 0, 24*time.Hour)
		c.between(at+".reconcile", p.Reconcile, time.Second, 24*time.Hour)
		c.pair(at+".tls", p.TLS.CertFile, p.TLS.KeyFile)
		c.pair(at+".sip_tls", p.SIPTLS.CertFile, p.SIPTLS.KeyFile)
	}
}

func (c *checker) asterisk(at string, p *PBX) {
	u, err := url.Parse(p.URL)
	switch {
	case p.URL == "":
		c.bad(at+".url", "write http://127.0.0.1:8088", "is missing")
	case err != nil || u.Host == "" || !slices.Contains([]string{"http", "https", "ws", "wss"}, u.Scheme):
		c.bad(at+".url", "write http://127.0.0.1:8088", "is not an http or https URL")
	case u.User != nil:
		c.bad(at+".url", "use username and password (or password_file)", "holds credentials")
	}
	if p.Username == "" {
		c.bad(at+".username", "name the section of ari.conf with type=user", "is missing")
	}
	if p.Password == "" {
		c.bad(at+".password", "it is the user's password in ari.conf; password_file takes it from a file", "is missing")
	}
	if p.App == "" || strings.ContainsAny(p.App, ",/?&# ") {
		c.bad(at+".app", "use one plain word", "%q cannot be an application's name", p.App)
	}
	c.foreign(at, "freeswitch", map[string]bool{"address": p.Address != "", "profiles": len(p.Profiles) > 0, "domains": len(p.Domains) > 0})
}

func (c *checker) freeswitch(at string, p *PBX) {
	if p.Address == "" {
		c.bad(at+".address", "write 127.0.0.1:8021", "is missing")
	} else if err := checkHost(p.Address); err != nil {
		c.bad(at+".address", "write host or host:port", "%v", err)
	}
	if p.Password == "" {
		c.bad(at+".password", "it is the password in event_socket.conf.xml; password_file takes it from a file", "is missing")
	}
	if user, domain, ok := strings.Cut(p.Username, "@"); p.Username != "" && (!ok || user == "" || domain == "") {
		c.bad(at+".username", "write user@domain, or leave it out", "%q is not a directory user", p.Username)
	}
	c.foreign(at, "asterisk", map[string]bool{"url": p.URL != ""})
}

// pickup checks how a PBX picks up.
func (c *checker) pickup(at string, p *PBX) {
	if strings.Trim(p.PickupCode, "0123456789*#") != "" {
		c.bad(at+".pickup_code", "use digits, * and #, such as \"*8\"", "%q is no code", p.PickupCode)
	}
	switch {
	case p.Pickup == "dialplan" && p.PickupCode == "":
		c.bad(at+".pickup_code", "write what the PBX's dialplan has, such as \"*89\", or set pickup: native", "is missing, and pickup is dialplan")
	case p.Pickup == "native" && p.Type == "asterisk" && !p.Dialogs:
		c.bad(at+".dialogs", "set dialogs: true, or pickup: dialplan", "is off, and pickup: native needs the dialogs of ringing calls")
	}
}

// foreign complains of keys that only the other type of PBX has.
func (c *checker) foreign(at, other string, set map[string]bool) {
	for key, is := range set {
		if is {
			c.bad(at+"."+key, "leave it out, or set another type", "is only for type %s", other)
		}
	}
}

func (c *checker) replicas(all *Config) {
	r := &all.Replicas
	c.between("replicas.lease", r.Lease, time.Second, time.Minute)
	if r.Enabled && all.Store.Type == "bolt" {
		c.bad("replicas.enabled", "set store.type: redis and store.url, or leave it out", "needs a store that several processes can use")
	}
}

func (c *checker) store(s *Store) {
	c.between("store.timeout", s.Timeout, 10*time.Millisecond, time.Minute)
	c.pair("store.tls", s.TLS.CertFile, s.TLS.KeyFile)
	c.atLeast("store.wait_replicas", s.WaitReplicas, 0)
	switch s.Type {
	case "bolt":
		if s.Path == "" {
			c.bad("store.path", "write the name of a file", "is empty")
		}
		if len(s.URL) > 0 {
			c.bad("store.url", "set store.type: redis, or leave it out", "is only for type redis")
		}
		return
	case "redis":
	default:
		return
	}
	if len(s.URL) == 0 {
		c.bad("store.url", "write redis://127.0.0.1:6379", "is missing")
	}
	for i, raw := range s.URL {
		// The URL may hold a password: it is never shown.
		u, err := url.Parse(raw.Reveal())
		if err != nil || !slices.Contains([]string{"redis", "rediss", "unix"}, u.Scheme) || u.Host == "" && u.Path == "" {
			c.bad(fmt.Sprintf("store.url[%d]", i), "write redis://host:6379, rediss://host:6379 or unix:///path", "is not a Redis URL")
		}
	}
	cluster := s.Master == "" && (s.Cluster || len(s.URL) > 1)
	if cluster && s.WaitReplicas > 0 {
		c.bad("store.wait_replicas", "set min-replicas-to-write on the servers instead", "does not work with a Cluster")
	}
	if s.Master != "" && s.Cluster {
		c.bad("store.cluster", "keep one of them", "store.master is set too")
	}
	if s.Prefix == "" || strings.ContainsAny(s.Prefix, "{} \r\n") {
		c.bad("store.prefix", "use one plain word", "%q cannot start a key", s.Prefix)
	}
}

func (c *checker) policy(p *Policy) {
	if strings.HasSuffix(p.File, "/") {
		c.bad("policy.file", "name a file", "%q is a folder", p.File)
	}
	c.between("policy.credentials_refresh", p.CredentialsRefresh, time.Second, 24*time.Hour)
}

func (c *checker) admin(a *Admin) {
	if a.Listen != "" {
		host, port, err := net.SplitHostPort(a.Listen)
		if err == nil {
			_, err = net.LookupPort("tcp", port)
		}
		if err == nil && host != "" {
			err = checkHost(host)
		}
		if err != nil {
			c.bad("admin.listen", "write 127.0.0.1:8080, or \"\" for none", "%q is not host:port", a.Listen)
		}
	}
	if t := a.Token.Reveal(); t != "" && (len(t) < 8 || strings.ContainsAny(t, " \t\r\n")) {
		c.bad("admin.token", "use 8 or more characters without spaces, e.g. from openssl rand -hex 16", "is too weak or has spaces")
	}
	c.tlsServer("admin.tls", a.TLS)
}
