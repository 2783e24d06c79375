// Package doctor looks whether a server and its PBXs work together, and names for each
// thing that does not how to mend it. It asks as an outsider: over the network, with the
// credentials of the configuration, changing nothing that lasts.
package doctor

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"blfbridge/bridge/admin"
	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/admin/client"
	"blfbridge/bridge/config"
	"blfbridge/policy"
)

// Result of one look.
type Result string

const (
	OK   Result = "ok"
	Warn Result = "warning"
	Fail Result = "failed"
)

// Finding is one thing that was looked at.
type Finding struct {
	Name   string `json:"name"`
	Result Result `json:"result"`
	Detail string `json:"detail,omitempty"`
	// Fix says what to do; only of what is not OK.
	Fix string `json:"fix,omitempty"`
}

// Server is what the running server is asked by its admin API, as *client.Client does.
type Server interface {
	Lines(context.Context, client.LineFilter) (api.LineList, error)
	Explain(context.Context, admin.Question) (api.Explanation, error)
}

// Doctor holds what is looked at.
type Doctor struct {
	Config *config.Config
	// File is the configuration's name, which the fixes tell.
	File string
	// Policy is the document in force; nil: it is not known.
	Policy *policy.Document
	// Server is the running server; nil: there is none, and its sockets are not asked.
	Server Server
	// Watch is the SUBSCRIBE that each socket is tried with.
	Watch Watch
	// Tell is called with each finding as it is made.
	Tell func(Finding)
	// Timeout of each question; 0 = 3 s.
	Timeout time.Duration

	// pbxs tell the state of a line, once their PBX has answered.
	pbxs []lineAsker
}

// lineAsker is a PBX that can be asked for a line.
type lineAsker interface {
	// lineState says what the PBX holds of a line; known is false if it has no such line.
	// It blocks up to the doctor's timeout.
	lineState(ctx context.Context, number string, devices []string) (s pbxState, known bool)
}

// Examine looks at everything and reports whether nothing failed.
func (d *Doctor) Examine(ctx context.Context) bool {
	if d.Timeout == 0 {
		d.Timeout = 3 * time.Second
	}
	good := true
	say := func(f Finding) {
		good = good && f.Result != Fail
		d.Tell(f)
	}
	d.addresses(say)
	for i := range d.Config.PBX {
		p := &d.Config.PBX[i]
		switch p.Type {
		case "asterisk":
			d.asterisk(ctx, p, say)
		case "freeswitch":
			d.freeswitch(ctx, p, say)
		}
		if d.Config.Edge.Enabled && p.SIP != "" {
			say(d.options(ctx, p))
		}
	}
	if d.Server != nil {
		d.listeners(ctx, say)
	}
	return good
}

// key names a key of the configuration together with its file.
func (d *Doctor) key(k string) string {
	if d.File == "" {
		return k
	}
	return k + " in " + d.File
}

func ok(name, format string, args ...any) Finding {
	return Finding{Name: name, Result: OK, Detail: fmt.Sprintf(format, args...)}
}

func failed(name, fix, format string, args ...any) Finding {
	return Finding{Name: name, Result: Fail, Detail: fmt.Sprintf(format, args...), Fix: fix}
}

func warning(name, fix, format string, args ...any) Finding {
	f := failed(name, fix, format, args...)
	f.Result = Warn
	return f
}

// addresses looks at what phones are told to answer to.
func (d *Doctor) addresses(say func(Finding)) {
	const name = "advertised address"
	adv := d.Config.SIP.Advertise
	if adv == "" {
		for _, l := range d.Config.SIP.Listen {
			_, addr, err := config.SplitListen(l)
			if err != nil {
				continue
			}
			a, err := netip.ParseAddrPort(addr)
			if err == nil && !a.Addr().IsUnspecified() && a.Addr().IsLoopback() {
				say(warning(name, "listen on an address that phones reach, or set "+d.key("sip.advertise"), "%s is loopback: phones of other hosts cannot reach it", l))
				return
			}
		}
		say(ok(name, "each socket's own; behind NAT or in a container set sip.advertise"))
		return
	}
	host, _, err := net.SplitHostPort(adv)
	if err != nil {
		host = adv
	}
	if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		if a.IsUnspecified() || a.IsLoopback() {
			say(failed(name, "set "+d.key("sip.advertise")+" to the address that phones use", "%s can be reached by no phone", adv))
			return
		}
	} else if _, err := net.LookupHost(host); err != nil {
		say(failed(name, "mend the name in DNS, or set "+d.key("sip.advertise")+" to an address", "%s is not known: %v", host, err))
		return
	}
	say(ok(name, "%s", adv))
}

// options asks a PBX by SIP whether it is there, as the edge does.
func (d *Doctor) options(ctx context.Context, p *config.PBX) Finding {
	name := "pbx " + p.Name + ": SIP"
	transport, host, port, err := config.SplitSIP(p.SIP)
	if err != nil {
		return failed(name, "write udp://host:port into "+d.key("pbx.sip"), "%v", err)
	}
	if transport != "UDP" && transport != "udp" {
		return ok(name, "%s is not asked here; blfbridge_edge_pbx_up tells", p.SIP)
	}
	c, err := (&net.Dialer{Timeout: d.Timeout}).DialContext(ctx, "udp", net.JoinHostPort(host, fmt.Sprint(port)))
	if err != nil {
		return failed(name, "mend "+d.key("pbx.sip"), "%s cannot be reached: %v", p.SIP, err)
	}
	defer c.Close()
	at := c.LocalAddr().String()
	msg := "OPTIONS sip:" + c.RemoteAddr().String() + " SIP/2.0\r\nVia: SIP/2.0/UDP " + at + ";rport;branch=z9hG4bKdoctor1\r\n" +
		"Max-Forwards: 70\r\nFrom: <sip:doctor@" + at + ">;tag=doctor\r\nTo: <sip:" + c.RemoteAddr().String() + ">\r\n" +
		"Call-ID: doctor-" + at + "\r\nCSeq: 1 OPTIONS\r\nContact: <sip:doctor@" + at + ">\r\nContent-Length: 0\r\n\r\n"
	buf := make([]byte, 4096)
	for wait := d.Timeout / 6; wait <= d.Timeout; wait *= 2 {
		if _, err := c.Write([]byte(msg)); err != nil {
			break
		}
		_ = c.SetReadDeadline(time.Now().Add(wait))
		if n, err := c.Read(buf); err == nil && strings.HasPrefix(string(buf[:n]), "SIP/2.0 ") {
			line, _, _ := strings.Cut(string(buf[:n]), "\r\n")
			return ok(name, "%s answers OPTIONS: %s", p.SIP, line)
		}
	}
	return failed(name, "does the PBX listen there (pjsip.conf: a section of type=transport; FreeSWITCH: sip-ip and sip-port of a profile), and is it "+d.key("pbx.sip")+"?", "%s answers no OPTIONS", p.SIP)
}
