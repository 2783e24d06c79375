package siptest

// Ping and pong of RFC 5626 §3.5.1.
const (
	ping = "\r\n\r\n"
	pong = "\r\n"
)

// KeepAlive sends bytes that are no message, such as CRLF or NUL, over the phone's socket
// or open connection.
func (p *Phone) KeepAlive(text string) error {
	p.mu.Lock()
	l, dead := p.link, p.dead
	p.mu.Unlock()
	if dead || l == nil {
		return ErrClosed
	}
	return l.Send([]byte(text))
}

// Ping asks the server for a pong (RFC 5626 §3.5.1).
func (p *Phone) Ping() error { return p.KeepAlive(ping) }

// Pongs counts those that came.
func (p *Phone) Pongs() int { return int(p.ponged.Load()) }
