package esl

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"
)

// look is one whole answer of the PBX to "what is", to be compared or merged with what
// the events said. nil maps: not asked, or the module is not loaded.
type look struct {
	err         error
	core        string // Core-UUID: changes with a restart
	lotHost     string
	rows        map[string]row
	peers       map[string]string // both ways
	regs        map[string]map[regKey]struct{}
	users       []listedUser
	haveUsers   bool
	parked      map[string]string // slot device → channel
	conferences map[string]conferenceRow
	dumps       map[string]*event // uuid_dump; nil: no such channel
}

// lookFor says how thorough a look is.
type lookFor struct {
	settle time.Duration // waited first, so that the database is not older than the events
	ping   bool          // only whether the PBX is there
	users  bool          // the directory too
	// dump names channels to ask for one by one; with dumpDoubtful also those of the
	// rows whose state a row can not tell.
	dump         []string
	dumpDoubtful bool
}

const (
	// dumpAll: with so few channels every one is asked for, so that ids and times are exact.
	dumpAll = 128
	// dumpMax bounds uuid_dump, 9 kB each, in one look.
	dumpMax = 1024
)

var uuidForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)

// look asks. It runs beside the applier and touches no state but the connection.
func (s *Source) look(ctx context.Context, c *conn, q lookFor) (l look) {
	l.err = s.ask(ctx, c, q, &l)
	return l
}

func (s *Source) ask(ctx context.Context, c *conn, q lookFor, l *look) (err error) {
	if q.settle > 0 {
		t := time.NewTimer(q.settle)
		defer t.Stop()
		select {
		case <-t.C:
		case <-c.done:
			return c.err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if l.core, err = optional(c.api(ctx, "global_getvar", "core_uuid")); err != nil || q.ping {
		return err
	}
	if l.lotHost, err = optional(c.api(ctx, "global_getvar", "domain")); err != nil {
		return err
	}
	if err := s.askCalls(ctx, c, q, l); err != nil {
		return err
	}
	if err := s.askRegistrations(ctx, c, l); err != nil {
		return err
	}
	return s.askRest(ctx, c, q, l)
}

func (s *Source) askCalls(ctx context.Context, c *conn, q lookFor, l *look) error {
	text, err := c.api(ctx, "show", "channels as json")
	if err != nil {
		return fmt.Errorf("%w (a user of userauth needs esl-allowed-api)", err)
	}
	rows, err := parseRows(text)
	if err != nil {
		return err
	}
	l.rows = make(map[string]row, len(rows))
	ask := append([]string{}, q.dump...)
	for _, r := range rows {
		l.rows[r.ID] = r
		if q.dumpDoubtful && (len(rows) <= dumpAll || r.CallState != "ACTIVE" && r.CallState != "HELD") {
			ask = append(ask, r.ID)
		}
	}
	if text, err = c.api(ctx, "show", "calls as json"); err != nil {
		return err
	}
	if rows, err = parseRows(text); err != nil {
		return err
	}
	l.peers = map[string]string{}
	for _, r := range rows {
		if r.Peer != "" {
			l.peers[r.ID], l.peers[r.Peer] = r.Peer, r.ID
		}
	}
	return s.dump(ctx, c, ask, l)
}

// dump asks for channels one by one; the answer is immediate, not from the database.
func (s *Source) dump(ctx context.Context, c *conn, ids []string, l *look) error {
	l.dumps = map[string]*event{}
	for _, id := range ids {
		if _, have := l.dumps[id]; have || !uuidForm.MatchString(id) {
			continue
		}
		if len(l.dumps) == dumpMax {
			break
		}
		text, err := c.do(ctx, apiDump(id))
		if err != nil {
			return err
		}
		if len(text) > 0 && text[0] == '-' {
			l.dumps[id] = nil
			continue
		}
		e, odd, err := decodeJSON([]byte(text))
		s.m.parseErrors.Add(float64(odd))
		if err != nil {
			s.m.parseErrors.Inc()
			continue
		}
		l.dumps[id] = &e
	}
	return nil
}

func (s *Source) askRegistrations(ctx context.Context, c *conn, l *look) error {
	profiles := s.cfg.Profiles
	if len(profiles) == 0 {
		text, err := optional(c.api(ctx, "sofia", "xmlstatus"))
		if err != nil {
			return err
		}
		if text == "" {
			return nil // no mod_sofia
		}
		if profiles, err = parseProfiles(text); err != nil {
			return s.unreadable(err)
		}
	}
	regs := map[string]map[regKey]struct{}{}
	for _, p := range profiles {
		text, err := optional(c.api(ctx, "sofia", "xmlstatus profile "+p+" reg"))
		if err != nil {
			return err
		}
		if text == "" || text[0] != '<' {
			s.log.Warn("no such sofia profile, its registrations are not known", "profile", p, "reply", firstLine(text))
			continue
		}
		rows, err := parseRegs(text)
		if err != nil {
			return s.unreadable(err)
		}
		for _, r := range rows {
			if regs[r.User] == nil {
				regs[r.User] = map[regKey]struct{}{}
			}
			regs[r.User][regKey{r.CallID, r.Contact}] = struct{}{}
		}
	}
	l.regs = regs
	return nil
}

func (s *Source) askRest(ctx context.Context, c *conn, q lookFor, l *look) error {
	text, err := optional(c.api(ctx, "valet_info", ""))
	if err != nil {
		return err
	}
	if text != "" {
		host := &model{lotHost: l.lotHost}
		if l.parked, err = parseValet(text, host.parkName); err != nil {
			_ = s.unreadable(err)
		}
	}
	if text, err = optional(c.api(ctx, "conference", "json_list")); err != nil {
		return err
	}
	if text != "" && text[0] == '[' {
		if l.conferences, err = parseConferences(text); err != nil {
			_ = s.unreadable(err)
		}
	}
	if !q.users {
		return nil
	}
	if text, err = optional(c.api(ctx, "list_users", "")); err != nil || text == "" {
		return err
	}
	var odd int
	l.users, odd = parseUsers(text)
	l.haveUsers = true
	s.m.parseErrors.Add(float64(odd))
	return nil
}

// optional turns a refused command into an empty answer: the module is not loaded.
func optional(text string, err error) (string, error) {
	if errors.Is(err, ErrCommand) {
		return "", nil
	}
	return text, err
}

// unreadable counts an answer that could not be read and goes on without it.
func (s *Source) unreadable(err error) error {
	s.m.parseErrors.Inc()
	s.log.Warn("answer not understood", "error", err)
	return nil
}
