// Package pbxconfig writes what must stand in a PBX's own configuration for this server
// to work with it, made of this server's. It is pure.
package pbxconfig

import (
	"cmp"
	"embed"
	"encoding/xml"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"blfbridge/bridge/config"
	"blfbridge/policy"
)

// ErrNone: the configuration has no such PBX.
var ErrNone = errors.New("pbxconfig: no such PBX")

//go:embed asterisk.tmpl freeswitch.tmpl
var files embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{"xml": escape, "cidr": cidr}).ParseFS(files, "*.tmpl"))

// facts are what the templates are filled with.
type facts struct {
	Name, User, Password string
	Host, Port           string // of ARI or of the event socket
	TLS                  bool
	Edge                 bool
	// Bridge are the addresses that the edge may send from; empty = all of the host.
	Bridge                []string
	Dialplan              bool
	Code                  string
	DialplanCode, Pattern string // the code that Asterisk's dialplan needs, and that as a pattern; empty: none
	Transport, Bind       string // of pbx.sip
	WebSocket             bool   // web phones are served
	Directory             bool   // FreeSWITCH: log in as a directory user
	DirectoryUser, Domain string
	Events, API           string // and what that user may ask for
	Listen                string // where the event socket listens
	Remote                bool   // blfbridge connects from another host
}

// ESLEvents are what adapters/esl subscribes to, as the event command of FreeSWITCH takes
// it, and ESLCommands the api commands of it and of the doctor: what a directory user that
// logs in must be allowed. The tests at a real FreeSWITCH fail when one is missing.
const (
	ESLEvents = "CHANNEL_CREATE CHANNEL_CALLSTATE CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA CHANNEL_ANSWER CHANNEL_BRIDGE CHANNEL_UNBRIDGE " +
		"CALL_UPDATE CHANNEL_HANGUP_COMPLETE PRESENCE_IN PHONE_FEATURE PHONE_FEATURE_SUBSCRIBE CUSTOM sofia::register sofia::unregister " +
		"sofia::expire conference::maintenance valet_parking::info"
	ESLCommands = "global_getvar show sofia uuid_dump valet_info conference list_users acl user_data xml_locate"
)

// Write is the text for the PBX of that type, "asterisk" or "freeswitch"; name chooses
// where several are configured. It holds the password.
func Write(c *config.Config, kind, name string) (string, error) {
	var found []config.PBX
	for _, p := range c.PBX {
		if p.Type == kind && (name == "" || p.Name == name) {
			found = append(found, p)
		}
	}
	switch {
	case len(found) == 0:
		return "", fmt.Errorf("%w: pbx has none of type %s%s", ErrNone, kind, ofName(name))
	case len(found) > 1:
		names := make([]string, len(found))
		for i, p := range found {
			names[i] = p.Name
		}
		return "", fmt.Errorf("%w: several are of type %s, choose one by --name: %s", ErrNone, kind, strings.Join(names, ", "))
	}
	f, err := factsOf(c, &found[0])
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if err := templates.ExecuteTemplate(&b, kind+".tmpl", f); err != nil {
		return "", fmt.Errorf("pbxconfig: %w", err)
	}
	return b.String(), nil
}

func ofName(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf(" and name %q", name)
}

func factsOf(c *config.Config, p *config.PBX) (f facts, err error) {
	f = facts{
		Name: p.Name, User: p.Username, Password: p.Password.Reveal(),
		Edge: c.Edge.Enabled && p.SIP != "", Dialplan: p.Pickup == "dialplan", Code: p.PickupCode,
	}
	if p.Type == "asterisk" {
		u, err := url.Parse(p.URL)
		if err != nil {
			return f, fmt.Errorf("pbxconfig: pbx %s: url: %w", p.Name, err)
		}
		f.TLS = u.Scheme == "https" || u.Scheme == "wss"
		f.Host, f.Port = u.Hostname(), cmp.Or(u.Port(), "8088")
		f.asterisk(p)
	} else {
		host, port, err := net.SplitHostPort(p.Address)
		if err != nil {
			host, port = p.Address, "8021"
		}
		f.Host, f.Port = host, port
		f.DirectoryUser, f.Domain, f.Directory = strings.Cut(p.Username, "@")
		f.Events, f.API = ESLEvents, ESLCommands
		f.Listen = host
		ip := net.ParseIP(host)
		if ip == nil {
			f.Listen = "::" // a name is not what a socket binds to
		}
		f.Remote = host != "localhost" && (ip == nil || !ip.IsLoopback())
	}
	for _, l := range c.SIP.Listen {
		_, addr, err := config.SplitListen(l)
		if err != nil {
			continue
		}
		f.WebSocket = f.WebSocket || strings.HasPrefix(l, "ws")
		host, _, _ := net.SplitHostPort(addr)
		if ip := net.ParseIP(host); ip != nil && !ip.IsUnspecified() && !slices.Contains(f.Bridge, host) {
			f.Bridge = append(f.Bridge, host)
		}
	}
	return f, nil
}

// asterisk fills in what only Asterisk's files ask for.
func (f *facts) asterisk(p *config.PBX) {
	if f.Dialplan || !f.Edge {
		f.DialplanCode = cmp.Or(f.Code, policy.DefaultPickupCode)
		f.Pattern = patternOf(f.DialplanCode)
	}
	if transport, host, port, err := config.SplitSIP(p.SIP); err == nil {
		if net.ParseIP(host) == nil {
			host = "0.0.0.0" // a name is not what a socket binds to
		}
		f.Transport, f.Bind = transport, net.JoinHostPort(host, strconv.Itoa(int(port)))
	}
}

// escape writes a text into an attribute of XML.
func escape(text string) (string, error) {
	var b strings.Builder
	err := xml.EscapeText(&b, []byte(text))
	return b.String(), err
}

// cidr is the network of one address.
func cidr(ip string) string {
	if strings.Contains(ip, ":") {
		return ip + "/128"
	}
	return ip + "/32"
}

// patternOf writes a code so that none of its characters stands for others in an
// extension that begins with an underscore.
func patternOf(code string) string {
	var b strings.Builder
	for _, c := range code {
		if strings.ContainsRune("XxZzNn.!-", c) {
			b.WriteString("[" + string(c) + "]")
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}
