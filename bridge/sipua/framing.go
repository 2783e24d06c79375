package sipua

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strconv"
	"time"
)

// framer is the reading side of a stream connection. One goroutine uses it.
type framer struct {
	raw   []byte // read, not yet framed
	ready []byte // screened, for sipgo
	// crlfs counts the CRLFs since the last message.
	crlfs  int
	spoken bool // a message came already
	// waiting: the read deadline is that of the message in raw.
	waiting bool
	out     []byte
}

// Read gives sipgo the next piece of a screened message.
func (c *streamConn) Read(p []byte) (int, error) {
	for len(c.ready) == 0 {
		more, err := c.next()
		if err != nil {
			reason := closedFraming
			if errors.Is(err, errPeerLeft) {
				reason = closedByPeer
			}
			c.end(reason)
			return 0, io.EOF
		}
		if !more || len(c.ready) > 0 {
			continue
		}
		c.deadline()
		// Straight into sipgo's buffer: an idle connection needs no other.
		n, err := c.Conn.Read(p)
		c.raw = append(c.raw, p[:n]...)
		if err != nil && n == 0 {
			c.end(c.whyRead(err))
			return 0, io.EOF // sipgo logs anything else
		}
	}
	n := copy(p, c.ready)
	if c.ready = c.ready[n:]; len(c.ready) == 0 {
		c.ready = nil
		if len(c.raw) == 0 {
			c.raw, c.out = nil, nil
		}
	}
	return n, nil
}

// next frames and screens what raw holds.
func (c *streamConn) next() (more bool, err error) {
	if c.ws {
		if more, err = c.unwrap(); more && len(c.raw) == 0 {
			c.raw, c.out = nil, nil
		}
		return more, err
	}
	return c.frame()
}

// deadline bounds a message on its way and the wait for the first, so that connections
// cannot be held by saying nothing. It does not start anew with each byte of a message.
func (c *streamConn) deadline() {
	switch partial := len(c.raw) > 0 || c.fragmented; {
	case partial && c.waiting:
		return
	case partial || !c.spoken:
		_ = c.SetReadDeadline(time.Now().Add(c.set.timeouts.Message))
		c.waiting = partial
	default:
		idle := c.set.timeouts.Idle
		if c.ws {
			idle = min(idle, pingsMissed*c.set.timeouts.Ping) // it answers our pings
		}
		_ = c.SetReadDeadline(time.Now().Add(idle))
	}
}

func (c *streamConn) whyRead(err error) string {
	switch {
	case isTimeout(err) && (len(c.raw) > 0 || c.fragmented || !c.spoken):
		return closedSlow
	case isTimeout(err):
		return closedIdle
	case errors.Is(err, io.EOF):
		return closedByPeer
	case errors.Is(err, net.ErrClosed):
		return closedBySipgo
	}
	return closedError
}

// frame takes one message off raw and screens it. more is true if raw must grow first.
// An error ends the stream: there is no boundary to go on from (RFC 3261 §18.3).
func (c *streamConn) frame() (more bool, err error) {
	for len(c.raw) > 0 && (c.raw[0] == '\r' || c.raw[0] == '\n' || c.raw[0] == 0) {
		// RFC 5626 §3.5.1: a double CRLF is a ping, answered by a single one.
		if c.raw[0] == '\n' {
			if c.crlfs++; c.crlfs == 2 {
				c.crlfs = 0
				if _, err := c.Write(crlf); err != nil {
					return false, err
				}
			}
		}
		c.raw = c.raw[1:]
	}
	if len(c.raw) == 0 {
		c.raw, c.out = nil, nil
		return true, nil
	}
	c.crlfs = 0
	end := bytes.Index(c.raw, []byte("\r\n\r\n"))
	if end < 0 && len(c.raw) <= c.set.limits.HeaderBytes {
		return true, nil
	}
	if end < 0 || end > c.set.limits.HeaderBytes {
		return false, c.refuse(c.raw[:min(len(c.raw), c.set.limits.HeaderBytes)], faultTooLarge)
	}
	end += 4
	length, ok := contentLength(c.raw[:end])
	if !ok {
		// RFC 3261 §20.14: on a stream the length must be there.
		return false, c.refuse(c.raw[:end], faultLength)
	}
	if length > c.set.limits.BodyBytes {
		return false, c.refuse(c.raw[:end], faultBody)
	}
	if len(c.raw) < end+length {
		return true, nil
	}
	msg := c.raw[:end+length]
	c.raw = c.raw[end+length:]
	c.spoken, c.waiting = true, false
	return false, c.screened(msg)
}

// screened makes a message ready for sipgo, or answers it.
func (c *streamConn) screened(msg []byte) (err error) {
	v, out := c.set.screener.screen(c.out[:0], packet{msg, c.flow.Transport, c.flow.Local, c.flow.Remote})
	c.out = out[:0]
	switch v {
	case pass:
		c.ready = out
	case answer:
		_, err = c.Write(out)
	}
	return err
}

// refuse answers the last message of a stream that cannot go on.
func (c *streamConn) refuse(msg []byte, f fault) error {
	var h head
	in := packet{msg, c.flow.Transport, c.flow.Local, c.flow.Remote}
	_ = h.scan(in.msg)
	if v, out := c.set.screener.refuse(nil, &h, &in, f); v == answer {
		_, _ = c.Write(out)
		c.flush()
	}
	return errFraming
}

// flush waits a moment for the queue to be written; the reader may, it has no more to do.
func (c *streamConn) flush() {
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		c.mu.Lock()
		done := !c.writing
		c.mu.Unlock()
		if done {
			return
		}
	}
}

// contentLength finds the body's length in a header section. ok is false if there is
// none, two that differ, or one that is no number: who frames a stream otherwise than
// its peers can be made to see messages that they do not.
func contentLength(section []byte) (n int, ok bool) {
	_, rest := nextLine(section)
	for {
		var line []byte
		line, rest = nextLine(rest)
		if len(line) == 0 {
			return n, ok
		}
		name, value, _ := bytes.Cut(line, []byte{':'})
		if headerKind(bytes.TrimRight(name, " \t")) != kindLength {
			continue
		}
		v, err := strconv.Atoi(string(bytes.TrimSpace(value)))
		if err != nil || v < 0 || v > 1<<30 || ok && v != n {
			return 0, false
		}
		n, ok = v, true
	}
}
