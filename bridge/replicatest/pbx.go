package replicatest

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"blfbridge/adapters/replay"
	"blfbridge/bridge/device"
)

// The words of a device state by the lamp that it makes.
var rawOf = map[device.State]string{device.Idle: "NOT_INUSE", device.Ringing: "RINGING", device.Busy: "INUSE"}

// ariPassword is of the PBX that a fleet runs.
const ariPassword = "fleet"

// Moved is a line's state from a time on.
type Moved struct {
	At    time.Time
	State device.State
}

// PBX is an Asterisk at the wire, whose phones do what the test says.
type PBX struct {
	t    T
	host string
	ari  *replay.ARI
	done chan error

	mu     sync.Mutex // guards what follows
	server *http.Server
	addr   string
	truth  map[string][]Moved // by number
}

// NewPBX serves the lines with these numbers; all are idle.
func NewPBX(t T, numbers []string) *PBX { t.Helper(); return newPBX(t, "127.0.0.1", numbers) }

// newPBX is NewPBX at another address of this machine.
func newPBX(t T, host string, numbers []string) *PBX {
	t.Helper()
	rec, err := replay.ReadARI(strings.NewReader(`{"recv":"2026-11-29T12:00:00.000Z","mark":"nothing is recorded"}`))
	if err != nil {
		t.Fatal(err)
	}
	cfg := replay.ARIConfig{Recording: rec, Username: "blfbridge", Password: ariPassword}
	p := &PBX{t: t, host: host, truth: map[string][]Moved{}, done: make(chan error, 1)}
	for _, n := range numbers {
		cfg.Endpoints = append(cfg.Endpoints, "PJSIP/"+n)
		p.truth[n] = []Moved{{time.Now(), device.Idle}}
	}
	p.ari = replay.NewARI(cfg)
	p.listen()
	t.Cleanup(p.close)
	return p
}

func (p *PBX) listen() {
	p.t.Helper()
	ln, err := net.Listen("tcp", net.JoinHostPort(p.host, "0"))
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.addr, p.server = ln.Addr().String(), &http.Server{Handler: p.ari, ReadHeaderTimeout: 5 * time.Second}
	server := p.server
	go func() { p.done <- server.Serve(ln) }() // close waits for it
}

func (p *PBX) close() {
	p.ari.Cut()
	p.mu.Lock()
	server := p.server
	p.mu.Unlock()
	_ = server.Close()
	if err := <-p.done; !errors.Is(err, http.ErrServerClosed) {
		p.t.Errorf("the PBX ended with %v", err)
	}
}

// Addr is where it is now.
func (p *PBX) Addr() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.addr
}

// Move lets the PBX go on at another address, with all connections lost.
func (p *PBX) Move() { p.close(); p.listen() }

// Set changes a line's state now.
func (p *PBX) Set(number string, s device.State) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.truth[number] = append(p.truth[number], Moved{time.Now(), s})
	p.ari.Inject(fmt.Sprintf(`{"type":"DeviceStateChanged","application":"blf","device_state":{"name":"PJSIP/%s","state":%q}}`, number, rawOf[s]), true)
}

// Restart is a PBX that stops and starts: all lines are idle after it.
func (p *PBX) Restart() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ari.Restart()
	now := time.Now()
	for n, h := range p.truth {
		if h[len(h)-1].State != device.Idle {
			p.truth[n] = append(h, Moved{now, device.Idle})
		}
	}
}

// Now is a line's true state, and since when.
func (p *PBX) Now(number string) Moved {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.truth[number]
	return h[len(h)-1]
}

// History is all that a line was.
func (p *PBX) History(number string) []Moved {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Moved(nil), p.truth[number]...)
}
