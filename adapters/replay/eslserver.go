package replay

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// ESLConfig describes a pretended FreeSWITCH.
type ESLConfig struct {
	// Address to listen on; "127.0.0.1:0" when empty.
	Address string
	// Password that clients must send; "ClueCon", FreeSWITCH's default, when empty.
	Password string
	// Recording is the raw bytes of an event socket, gzipped or not.
	Recording io.Reader
	// Users is the directory; nil: everyone who has a registration.
	Users []ESLUser
	// Registered are registrations before the first event, besides those that the
	// recording lets guess (see ESLServer).
	Registered []ESLRegistration
	// Lag is how many events show channels and show calls are behind; 0 = not at all.
	Lag int
	// Replies are fixed answers by api command ("valet_info"); they win over the state.
	Replies map[string]string
}

// ESLUser is one user of the directory.
type ESLUser struct {
	Presence string // user@domain
	Name     string // effective_caller_id_name
}

// ESLServer speaks the event socket protocol of FreeSWITCH from a recording: it takes
// auth and event commands, answers the api commands that a presence client asks
// (global_getvar, show channels|calls as json, uuid_dump, sofia xmlstatus, valet_info,
// conference json_list, list_users) from the state that the events so far have made, and
// sends each event to the clients that asked for its kind.
//
// Events are sent one by one under the caller's control (Next, Drop, Swap) or by Play at
// the recorded pace. What must have been before the recording began is guessed: a
// registration that it first refreshes or ends was there, and so was one of every user
// who calls or is called without having registered.
//
// All methods are safe for concurrent use.
type ESLServer struct {
	ln net.Listener
	wg sync.WaitGroup

	// mu guards all below; it is held while an event is written, so that events and
	// answers reach every client in one order.
	mu        sync.Mutex
	cfg       ESLConfig
	frames    []eslFrame
	pos       int
	now, late *eslState
	behind    []*ESLEvent // applied to now, not yet to late
	clients   map[*eslClient]struct{}
	hung      bool
	closed    bool
}

// NewESLServer reads the recording and listens. The caller must Close it.
func NewESLServer(cfg ESLConfig) (*ESLServer, error) {
	if cfg.Address == "" {
		cfg.Address = "127.0.0.1:0"
	}
	if cfg.Password == "" {
		cfg.Password = "ClueCon"
	}
	s := &ESLServer{cfg: cfg, clients: map[*eslClient]struct{}{}, now: newESLState(), late: newESLState()}
	if err := s.load(cfg.Recording, cfg.Registered); err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	s.ln = ln
	s.wg.Go(s.accept)
	return s, nil
}

func (s *ESLServer) load(r io.Reader, regs []ESLRegistration) error {
	frames, err := parseESL(r)
	if err != nil {
		return err
	}
	s.frames, s.pos, s.behind = frames, 0, nil
	regs = append(before(frames), regs...)
	for _, st := range []*eslState{s.now, s.late} {
		for _, r := range regs {
			st.regs[r] = true
			st.domain = regs[0].Host
		}
		for _, f := range frames {
			if f.event != nil && f.event.Get("Core-UUID") != "" {
				st.core = f.event.Get("Core-UUID")
				break
			}
		}
	}
	return nil
}

// Restart is a restart of the PBX: every connection is closed, channels and conferences
// are gone, registrations stay, and another recording follows.
func (s *ESLServer) Restart(recording io.Reader) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropClients()
	old := s.now.regs
	s.now, s.late = newESLState(), newESLState()
	if err := s.load(recording, nil); err != nil {
		return err
	}
	for _, st := range []*eslState{s.now, s.late} {
		for r := range old {
			st.regs[r] = true
		}
	}
	return nil
}

// Addr is where clients connect.
func (s *ESLServer) Addr() string { return s.ln.Addr().String() }

// Close ends every connection and waits for all goroutines.
func (s *ESLServer) Close() error {
	err := s.ln.Close()
	s.mu.Lock()
	s.closed = true
	s.dropClients()
	s.mu.Unlock()
	s.wg.Wait()
	return err
}

// Remaining is the number of events not sent yet.
func (s *ESLServer) Remaining() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, f := range s.frames[s.pos:] {
		if f.event != nil {
			n++
		}
	}
	return n
}

// Next sends the next event; ok is false at the end of the recording. Frames that are no
// events (a disconnect notice) are sent on the way.
func (s *ESLServer) Next() (e ESLEvent, ok bool) { return s.step(true) }

// Drop lets the next event happen without telling anybody.
func (s *ESLServer) Drop() (e ESLEvent, ok bool) { return s.step(false) }

func (s *ESLServer) step(deliver bool) (ESLEvent, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.advance()
	if e == nil {
		return ESLEvent{}, false
	}
	if deliver {
		e.Delivered = s.send(e)
	}
	return *e, true
}

// Swap sends the next two events in the wrong order; ok is false if there are no two.
func (s *ESLServer) Swap() (first, second ESLEvent, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, b := s.advance(), s.advance()
	if a == nil || b == nil {
		return first, second, false
	}
	b.Delivered = s.send(b)
	a.Delivered = s.send(a)
	return *b, *a, true
}

// Cut sends the first half of the next event's frame and closes every connection.
func (s *ESLServer) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.frames[s.pos:] {
		if f.event != nil {
			for c := range s.clients {
				c.write(f.raw[:len(f.raw)/2])
			}
			break
		}
	}
	s.dropClients()
}

// Disconnect closes every connection between two frames.
func (s *ESLServer) Disconnect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropClients()
}

// Hang makes the server silent: connections stay open, nothing is answered or sent. It
// also greets no new one. Hang(false) lets new connections in again.
func (s *ESLServer) Hang(hung bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hung = hung
}

// Play sends the rest of the recording at its own pace times factor (2 is twice as
// fast), until it ends or ctx does. Connections stay open at the end.
func (s *ESLServer) Play(ctx context.Context, factor float64) error {
	if factor <= 0 {
		return fmt.Errorf("replay: factor %v, want above 0", factor)
	}
	var last time.Time
	for {
		e, ok := s.Peek()
		if !ok {
			s.Next() // a frame after the last event
			return nil
		}
		if d := e.At.Sub(last); !last.IsZero() && d > 0 {
			t := time.NewTimer(time.Duration(float64(d) / factor))
			select {
			case <-t.C:
			case <-ctx.Done():
				t.Stop()
				return ctx.Err()
			}
		}
		last = e.At
		s.Next()
	}
}

// Peek returns the event that Next would send.
func (s *ESLServer) Peek() (e ESLEvent, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.frames[s.pos:] {
		if f.event != nil {
			return *f.event, true
		}
	}
	return e, false
}

// advance makes the next event happen; frames before it that are no events are sent.
func (s *ESLServer) advance() *ESLEvent {
	for s.pos < len(s.frames) {
		f := s.frames[s.pos]
		s.pos++
		if f.event == nil {
			for c := range s.clients {
				c.write(f.raw)
			}
			continue
		}
		s.now.apply(f.event)
		s.behind = append(s.behind, f.event)
		for len(s.behind) > s.cfg.Lag {
			s.late.apply(s.behind[0])
			s.behind = s.behind[1:]
		}
		return f.event
	}
	return nil
}

func (s *ESLServer) send(e *ESLEvent) (delivered bool) {
	if s.hung {
		return false
	}
	for c := range s.clients {
		if c.wants(e) {
			c.write(e.raw)
			delivered = true
		}
	}
	return delivered
}

func (s *ESLServer) dropClients() {
	for c := range s.clients {
		c.nc.Close()
		delete(s.clients, c)
	}
}

func (s *ESLServer) accept() {
	for {
		nc, err := s.ln.Accept()
		if err != nil {
			return
		}
		c := &eslClient{nc: nc}
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			nc.Close()
			return
		}
		s.clients[c] = struct{}{}
		if !s.hung {
			c.write([]byte("Content-Type: auth/request\n\n"))
		}
		s.mu.Unlock()
		s.wg.Go(func() { s.serve(c) })
	}
}

// eslClient is one connection. Its fields are guarded by the server's mu.
type eslClient struct {
	nc     net.Conn
	authed bool
	all    bool
	events map[string]bool
}

// write sends with a deadline; a client that does not read is cut off.
func (c *eslClient) write(b []byte) {
	_ = c.nc.SetWriteDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.nc.Write(b); err != nil {
		c.nc.Close()
	}
}

func (c *eslClient) wants(e *ESLEvent) bool { return c.all || c.events[e.Name] }

func (c *eslClient) reply(text string) {
	c.write([]byte("Content-Type: command/reply\nReply-Text: " + strings.TrimSpace(text) + "\n\n"))
}
