package replay

import (
	"bufio"
	"fmt"
	"strings"
)

// maxESLCommand bounds one command of a client.
const maxESLCommand = 64 << 10

// serve reads commands, each ended by an empty line, until the connection ends.
func (s *ESLServer) serve(c *eslClient) {
	defer func() {
		c.nc.Close()
		s.mu.Lock()
		delete(s.clients, c)
		s.mu.Unlock()
	}()
	sc := bufio.NewScanner(c.nc)
	sc.Buffer(nil, maxESLCommand)
	var cmd strings.Builder
	for sc.Scan() {
		line := strings.TrimRight(sc.Text(), "\r")
		if line != "" {
			if cmd.Len()+len(line) > maxESLCommand {
				return
			}
			cmd.WriteString(line + "\n")
			continue
		}
		if cmd.Len() > 0 && !s.command(c, strings.TrimSpace(cmd.String())) {
			return
		}
		cmd.Reset()
	}
}

// command answers one command; false ends the connection.
func (s *ESLServer) command(c *eslClient, cmd string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hung {
		return true
	}
	word, args, _ := strings.Cut(cmd, " ")
	switch {
	case word == "auth" || word == "userauth":
		_, password, isUser := strings.Cut(args, ":")
		if word == "auth" || !isUser {
			password = args
		}
		if password != s.cfg.Password {
			c.reply("-ERR invalid")
			return false
		}
		c.authed = true
		c.reply("+OK accepted")
	case !c.authed:
		c.reply("-ERR command not found")
	case word == "event":
		c.subscribe(strings.Fields(args))
	case word == "noevents":
		c.all, c.events = false, nil
		c.reply("+OK no longer listening for events")
	case word == "api":
		text := s.api(args)
		c.write(fmt.Appendf(nil, "Content-Type: api/response\nContent-Length: %d\n\n%s", len(text), text))
	case word == "exit":
		c.reply("+OK bye")
		c.write([]byte("Content-Type: text/disconnect-notice\nContent-Length: 14\n\nDisconnected.\n"))
		return false
	default:
		c.reply("-ERR command not found")
	}
	return true
}

// subscribe takes "plain NAME... CUSTOM SUBCLASS...". Events go out as they were
// recorded, whatever the format asked for.
func (c *eslClient) subscribe(f []string) {
	if len(f) > 0 && (f[0] == "plain" || f[0] == "json") {
		f = f[1:]
	}
	if len(f) == 0 {
		c.reply("-ERR no keywords supplied")
		return
	}
	if c.events == nil {
		c.events = map[string]bool{}
	}
	for _, n := range f {
		c.all = c.all || strings.EqualFold(n, "ALL")
		c.events[n] = true
	}
	c.reply("+OK event listener enabled plain")
}
