package doctor

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"blfbridge/bridge/config"
	"blfbridge/bridge/pbxconfig"
)

// freeswitch looks at the event socket: there, credentials, rights, and the sofia profiles.
func (d *Doctor) freeswitch(ctx context.Context, p *config.PBX, say func(Finding)) {
	name := "pbx " + p.Name + ": "
	addr := p.Address
	if _, _, err := net.SplitHostPort(addr); err != nil {
		addr = net.JoinHostPort(addr, "8021")
	}
	c, err := (&net.Dialer{Timeout: d.Timeout}).DialContext(ctx, "tcp", addr)
	if err != nil {
		say(failed(name+"event socket", "is FreeSWITCH running, mod_event_socket loaded, and listen-ip and listen-port those of "+d.key("pbx.address")+"? 'blfbridge pbx-config freeswitch' prints the file", "%s: %v", addr, err))
		return
	}
	defer c.Close()
	s := &eventSocket{c, textproto.NewReader(bufio.NewReader(c)), d.Timeout}
	_ = c.SetDeadline(time.Now().Add(d.Timeout))
	kind, _, err := s.read()
	switch {
	case err != nil:
		say(failed(name+"event socket", "does another program listen there?", "%s says nothing: %v", addr, err))
		return
	case kind == "text/rude-rejection":
		say(failed(name+"event socket", "let this host in by apply-inbound-acl of event_socket.conf.xml", "%s: access denied by its access list", addr))
		return
	}
	login := "auth " + p.Password.Reveal()
	if p.Username != "" {
		login = "userauth " + p.Username + ":" + p.Password.Reveal()
	}
	if reply, err := s.command(login); err != nil || !strings.HasPrefix(reply, "+OK") {
		say(failed(name+"credentials", d.key("pbx.password")+" must be that of event_socket.conf.xml (or of the directory user)", "login refused: %s %v", reply, err))
		return
	}
	say(ok(name+"event socket", "%s", addr))
	if reply, err := s.command("event plain " + pbxconfig.ESLEvents); err != nil || !strings.HasPrefix(reply, "+OK") {
		say(failed(name+"event filter", "a directory user needs the esl-allowed-events that 'blfbridge pbx-config freeswitch' prints", "events refused: %s %v", reply, err))
	} else {
		say(ok(name+"event filter", "channel and registration events are allowed"))
	}
	if _, err := s.command("noevents"); err != nil {
		say(failed(name+"event socket", "look into FreeSWITCH's log", "%v", err))
		return
	}
	var refused []string
	for _, command := range strings.Fields(pbxconfig.ESLCommands) {
		if reply, err := s.command("api " + command); err != nil || strings.Contains(reply, "permission denied") {
			refused = append(refused, command)
		}
	}
	reply, err := s.command("api sofia xmlstatus")
	switch {
	case len(refused) > 0:
		say(failed(name+"rights", "a directory user needs the esl-allowed-api that 'blfbridge pbx-config freeswitch' prints; \"all\" allows nothing", "api refuses %s", names(refused)))
		return
	case err != nil || !strings.Contains(reply, "<profile>"):
		say(failed(name+"sofia", "load mod_sofia with a profile", "no SIP profile runs: %v", err))
		return
	}
	say(ok(name+"rights", "api is allowed, %d SIP profiles run", strings.Count(reply, "<profile>")))
	d.switchPhones(s, p, name, say)
}

type eventSocket struct {
	c net.Conn
	r *textproto.Reader
	// timeout of each command
	timeout time.Duration
}

// read returns the type of a message, and its body or reply text.
func (s *eventSocket) read() (kind, text string, err error) {
	h, err := s.r.ReadMIMEHeader()
	if err != nil {
		return "", "", err
	}
	text = h.Get("Reply-Text")
	if n, _ := strconv.Atoi(h.Get("Content-Length")); n > 0 && n < 1<<22 {
		b := make([]byte, n)
		if _, err := io.ReadFull(s.r.R, b); err != nil {
			return "", "", err
		}
		text = string(b)
	}
	return h.Get("Content-Type"), text, nil
}

// command returns the answer to a command; events in between are passed over.
func (s *eventSocket) command(text string) (string, error) {
	_ = s.c.SetDeadline(time.Now().Add(s.timeout))
	if _, err := fmt.Fprintf(s.c, "%s\n\n", text); err != nil {
		return "", err
	}
	for {
		kind, reply, err := s.read()
		if err != nil || kind == "command/reply" || kind == "api/response" {
			return reply, err
		}
	}
}
