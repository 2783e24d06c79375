package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"strings"

	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/admin/client"
	"blfbridge/bridge/config"
	"blfbridge/bridge/device"
)

// packages are the event packages that are tried over each socket.
var packages = []string{"dialog", "presence"}

// socket is one entry of sip.listen, as a phone on this host reaches it.
type socket struct {
	name, transport string // "sip tls://0.0.0.0:5061", "TLS"
	addr            string // "127.0.0.1:5061"
	from            string // where the doctor's phone listens
	host            string // the name that its certificate must have; empty: any
	config          *config.SIPTLS

	fault error  // what is wrong with the certificate
	note  string // what is good to know of it
}

// source is the address that the server sees.
func (s *socket) source() string {
	host, _, _ := net.SplitHostPort(s.from)
	return host
}

// listeners sends a SUBSCRIBE of each kind to each socket.
func (d *Doctor) listeners(ctx context.Context, say func(Finding)) {
	line, err := d.line(ctx)
	if err != nil || line == "" {
		say(warning("test SUBSCRIBE", "give --line NUMBER; does a PBX report its phones? see the lines of the PBXs above", "no line is known to watch (%v)", err))
		return
	}
	d.Watch.Line = line
	for _, l := range d.Config.SIP.Listen {
		s, err := d.socketOf(l)
		if err != nil {
			say(failed("sip "+l, "mend "+d.key("sip.listen"), "%v", err))
			continue
		}
		for _, event := range packages {
			f := d.subscribe(ctx, s, event)
			say(f)
			if f.Result == Fail {
				break // the other would say the same
			}
		}
	}
}

func (d *Doctor) socketOf(l string) (*socket, error) {
	transport, addr, err := config.SplitListen(l)
	if err != nil {
		return nil, err
	}
	s := &socket{name: "sip " + l, transport: strings.ToUpper(transport), config: &d.Config.SIP.TLS}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	s.host = host
	switch ip := net.ParseIP(host); {
	case host == "" || ip != nil && ip.IsUnspecified() && ip.To4() != nil:
		host, s.host = "127.0.0.1", ""
	case ip != nil && ip.IsUnspecified():
		host, s.host = "::1", ""
	}
	if adv := d.Config.SIP.Advertise; adv != "" {
		s.host = adv
		if h, _, err := net.SplitHostPort(adv); err == nil {
			s.host = h
		}
	}
	s.addr = net.JoinHostPort(host, port)
	// Which of this host's addresses leads there; nothing is sent.
	c, err := net.Dial("udp", s.addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	own, _, _ := net.SplitHostPort(c.LocalAddr().String())
	s.from = net.JoinHostPort(own, "0")
	return s, nil
}

// verify is how the doctor's phone looks at a certificate: with its own eyes, so that it
// can tell what is wrong.
func (s *socket) verify() *tls.Config {
	if s.transport != "TLS" && s.transport != "WSS" {
		return nil
	}
	return &tls.Config{InsecureSkipVerify: true, ServerName: s.host, VerifyConnection: func(c tls.ConnectionState) error {
		s.note, s.fault = judgeCertificate(c.PeerCertificates, s.host, s.config.CAFile)
		return s.fault
	}}
}

// line is the one that is watched.
func (d *Doctor) line(ctx context.Context) (string, error) {
	if d.Watch.Line != "" {
		return d.Watch.Line, nil
	}
	list, err := d.Server.Lines(ctx, client.LineFilter{})
	if err != nil {
		return "", err
	}
	first := ""
	for _, l := range list.Lines {
		if !watchable(&l) {
			continue
		}
		if l.Lamp != device.Unknown.String() {
			return l.Number, nil
		}
		first = cmp.Or(first, l.Number)
	}
	return first, nil
}

// watchable are the phones' lines; special ones and those of other partitions take more
// to be watched.
func watchable(l *api.Line) bool {
	return l.Mode == "line" && l.Partition == "" && l.Number != "" && strings.Trim(l.Number, "0123456789") == ""
}
