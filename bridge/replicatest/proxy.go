package replicatest

import (
	"net"
	"sync"
	"time"
)

// Proxy is a TCP connection's way that can be made slow or cut. Its methods are safe for
// concurrent use.
type Proxy struct {
	ln net.Listener
	wg sync.WaitGroup

	mu      sync.Mutex // guards what follows
	to      string
	delay   time.Duration
	cut     bool
	changed chan struct{} // closed and renewed when cut changes
	conns   map[net.Conn]struct{}
	closed  bool
}

// NewProxy listens on a free port of 127.0.0.1 and goes on to the address to.
func NewProxy(t T, to string) *Proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{ln: ln, to: to, changed: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	p.wg.Go(p.accept)
	t.Cleanup(p.Close)
	return p
}

// Addr is where the proxy listens.
func (p *Proxy) Addr() string { return p.ln.Addr().String() }

// Delay holds every piece of data back for so long, in each direction.
func (p *Proxy) Delay(d time.Duration) { p.mu.Lock(); p.delay = d; p.mu.Unlock() }

// Cut lets nothing through any more, as a network that drops all packets: connections stay
// and hang, new ones are opened and hang. With false what hung goes on.
func (p *Proxy) Cut(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = yes
	close(p.changed)
	p.changed = make(chan struct{})
}

// Reset ends all connections at once.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

// Close ends the proxy and waits for its goroutines.
func (p *Proxy) Close() {
	_ = p.ln.Close()
	p.mu.Lock()
	p.closed = true
	for c := range p.conns {
		_ = c.Close()
	}
	close(p.changed)
	p.changed = make(chan struct{})
	p.mu.Unlock()
	p.wg.Wait()
}

func (p *Proxy) accept() {
	for {
		c, err := p.ln.Accept()
		if err != nil {
			return
		}
		if p.keep(c) {
			p.wg.Go(func() { p.serve(c) })
		}
	}
}

// keep notes a connection so that Close ends it; false: it is over already.
func (p *Proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = c.Close()
		return false
	}
	p.conns[c] = struct{}{}
	return true
}

func (p *Proxy) drop(c net.Conn) {
	_ = c.Close()
	p.mu.Lock()
	delete(p.conns, c)
	p.mu.Unlock()
}

func (p *Proxy) serve(near net.Conn) {
	defer p.drop(near)
	if !p.passes() {
		return
	}
	p.mu.Lock()
	to := p.to
	p.mu.Unlock()
	far, err := net.DialTimeout("tcp", to, 5*time.Second)
	if err != nil || !p.keep(far) {
		return // the near end sees its connection end
	}
	defer p.drop(far)
	var both sync.WaitGroup
	both.Go(func() { p.copy(far, near) })
	p.copy(near, far)
	both.Wait()
}

// copy carries data one way until either end closes, and closes both then.
func (p *Proxy) copy(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	type piece struct {
		due  time.Time
		data []byte
	}
	pieces := make(chan piece, 4096)
	p.wg.Go(func() {
		defer close(pieces)
		for {
			buf := make([]byte, 16<<10)
			n, err := from.Read(buf)
			if n > 0 {
				p.mu.Lock()
				d := p.delay
				p.mu.Unlock()
				pieces <- piece{time.Now().Add(d), buf[:n]}
			}
			if err != nil {
				return
			}
		}
	})
	defer func() { // let the reader end
		_ = from.Close()
		for range pieces {
		}
	}()
	for x := range pieces {
		if wait := time.Until(x.due); wait > 0 {
			time.Sleep(wait)
		}
		if !p.passes() {
			return
		}
		if _, err := to.Write(x.data); err != nil {
			return
		}
	}
}

// passes waits while the way is cut; false: the proxy is closed.
func (p *Proxy) passes() bool {
	for {
		p.mu.Lock()
		cut, closed, changed := p.cut, p.closed, p.changed
		p.mu.Unlock()
		if closed || !cut {
			return !closed
		}
		<-changed
	}
}
