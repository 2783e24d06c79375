package bridge_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// ariProxy stands between the bridge and Asterisk and spoils what a test wants spoilt.
type ariProxy struct {
	ln      net.Listener
	backend string
	url     string
	wg      sync.WaitGroup

	// deaf drops the event frames that come while it is set.
	deaf atomic.Bool
	// hang swallows requests for an event socket, as a locked up ARI does.
	hang atomic.Bool

	mu    sync.Mutex // guards what follows
	conns map[net.Conn]bool
	// told and lost are the last device states that got through and that did not.
	told, lost map[string]string
}

// newARIProxy listens for the bridge; it is closed with the test.
func newARIProxy(t *testing.T, ari string) *ariProxy {
	t.Helper()
	u, err := url.Parse(ari)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &ariProxy{ln: ln, backend: u.Host, url: "http://" + ln.Addr().String() + "/ari", conns: map[net.Conn]bool{},
		told: map[string]string{}, lost: map[string]string{}}
	p.wg.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

func (p *ariProxy) close() {
	_ = p.ln.Close()
	p.cut()
	p.wg.Wait()
}

// cut breaks all connections.
func (p *ariProxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

func (p *ariProxy) keep(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = true
}

func (p *ariProxy) accept() {
	for {
		client, err := p.ln.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.backend)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.keep(client)
		p.keep(server)
		p.wg.Go(func() { p.up(server, client) })
		p.wg.Go(func() { p.down(client, server) })
	}
}

// up copies requests to Asterisk.
func (p *ariProxy) up(server, client net.Conn) {
	defer server.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := client.Read(buf)
		if n > 0 && !(p.hang.Load() && bytes.HasPrefix(buf[:n], []byte("GET ")) && strings.Contains(string(buf[:n]), "/events")) {
			if _, err := server.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// down copies answers, and after a 101 WebSocket frames one by one.
func (p *ariProxy) down(client, server net.Conn) {
	defer client.Close()
	r := bufio.NewReader(server)
	for {
		head, err := r.Peek(len("HTTP/1.1 101"))
		if err != nil {
			return
		}
		if string(head) == "HTTP/1.1 101" {
			p.frames(client, r)
			return
		}
		// An answer, or a piece of one: no body of ARI begins like a 101.
		n, _ := r.Discard(0)
		piece := make([]byte, max(r.Buffered(), n))
		if _, err := io.ReadFull(r, piece); err != nil {
			return
		}
		if _, err := client.Write(piece); err != nil {
			return
		}
	}
}

// spoil notes an event and reports whether it is to be dropped.
func (p *ariProxy) spoil(frame []byte) bool {
	var e struct {
		Type  string
		State struct{ Name, State string } `json:"device_state"`
	}
	start := bytes.IndexByte(frame, '{')
	drop := p.deaf.Load()
	if start < 0 || json.Unmarshal(frame[start:], &e) != nil || e.Type != "DeviceStateChanged" {
		return drop
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if drop {
		p.lost[e.State.Name] = e.State.State
	} else {
		p.told[e.State.Name] = e.State.State
	}
	return drop
}

// wrong counts the devices whose last state the bridge was not told, and starts anew. A
// device of which it was never told anything is wrong if it is a phone: those it asks for.
func (p *ariProxy) wrong() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, state := range p.lost {
		if was, ok := p.told[name]; ok && was != state || !ok && strings.HasPrefix(name, "PJSIP/") {
			n++
		}
		p.told[name] = state
	}
	clear(p.lost)
	return n
}

func (p *ariProxy) frames(client net.Conn, r *bufio.Reader) {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		if _, err := io.WriteString(client, line); err != nil {
			return
		}
		if line == "\r\n" {
			break
		}
	}
	for {
		frame, text, err := readFrame(r)
		if err != nil {
			return
		}
		if text && p.spoil(frame) {
			continue
		}
		if _, err := client.Write(frame); err != nil {
			return
		}
	}
}

// readFrame reads one unmasked frame (RFC 6455 §5.2); text says that it is an event.
func readFrame(r *bufio.Reader) (frame []byte, text bool, err error) {
	head := make([]byte, 2, 10)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, false, err
	}
	length := int(head[1] & 0x7f)
	if more := map[int]int{126: 2, 127: 8}[length]; more > 0 {
		head = head[:2+more]
		if _, err := io.ReadFull(r, head[2:]); err != nil {
			return nil, false, err
		}
		length = int(binary.BigEndian.Uint64(append(make([]byte, 8-more), head[2:]...)))
	}
	frame = append(head, make([]byte, length)...)
	_, err = io.ReadFull(r, frame[len(head):])
	return frame, head[0]&0x0f == 1, err
}
