package sipua

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"sync/atomic"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// errPeerLeft: the peer has ended the WebSocket in due form.
var errPeerLeft = errors.New("sipua: the peer has ended the WebSocket")

// unwrapper is the reading side of a WebSocket (RFC 6455). One goroutine uses it.
type unwrapper struct {
	fragmented bool          // more frames of the message follow
	op         ws.OpCode     // of the message
	message    []byte        // its frames so far
	goodbye    atomic.Uint32 // status of our close frame
}

// unwrap takes one frame off raw; a whole message is screened. more is true if raw must
// grow first. An error ends the connection.
func (c *streamConn) unwrap() (more bool, err error) {
	r := bytes.NewReader(c.raw)
	h, err := ws.ReadHeader(r)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return true, nil
	}
	state := ws.StateServerSide
	if c.fragmented {
		state = state.Set(ws.StateFragmented)
	}
	if err == nil {
		err = ws.CheckHeader(h, state)
	}
	limit := c.set.limits.HeaderBytes + c.set.limits.BodyBytes
	switch {
	case err != nil:
		return false, c.leave(ws.StatusProtocolError, errFraming)
	case h.Length > int64(limit-len(c.message)):
		return false, c.leave(ws.StatusMessageTooBig, errFraming)
	case int64(r.Len()) < h.Length:
		return true, nil
	}
	start := len(c.raw) - r.Len()
	payload := c.raw[start : start+int(h.Length)]
	c.raw = c.raw[start+int(h.Length):]
	ws.Cipher(payload, h.Mask, 0)
	if h.OpCode.IsControl() {
		return false, c.control(h.OpCode, payload)
	}
	if h.OpCode != ws.OpContinuation {
		c.op = h.OpCode
	}
	if !h.Fin || c.fragmented {
		c.message = append(c.message, payload...)
		if c.fragmented = !h.Fin; c.fragmented {
			return false, nil
		}
		payload, c.message = c.message, nil
	}
	c.waiting = false
	if c.op == ws.OpText && !utf8.Valid(payload) {
		return false, c.leave(ws.StatusInvalidFramePayloadData, errFraming)
	}
	return false, c.whole(payload)
}

// leave sets the status of our close frame.
func (c *streamConn) leave(code ws.StatusCode, err error) error {
	c.goodbye.Store(uint32(code))
	return err
}

// control answers a control frame (RFC 6455 §5.5).
func (c *streamConn) control(op ws.OpCode, payload []byte) error {
	c.waiting = c.waiting && len(c.message) > 0
	switch op {
	case ws.OpPing:
		return c.enqueue(ws.MustCompileFrame(ws.NewPongFrame(payload)))
	case ws.OpClose:
		code, reason := ws.ParseCloseFrameData(payload)
		if len(payload) > 0 && ws.CheckCloseFrameData(code, reason) != nil {
			return c.leave(ws.StatusProtocolError, errFraming)
		}
		if code.Empty() || len(payload) == 0 {
			code = ws.StatusNormalClosure
		}
		return c.leave(code, errPeerLeft)
	}
	return nil
}

// whole screens one SIP message, which is what one WebSocket message is (RFC 7118 §5).
func (c *streamConn) whole(msg []byte) error {
	if isKeepAlive(msg) {
		if string(msg) == "\r\n\r\n" { // of clients that know it from TCP (RFC 5626 §3.5.1)
			_, err := c.Write(crlf)
			return err
		}
		return nil
	}
	return c.screened(withLength(bytes.TrimLeft(msg, "\r\n")))
}

// withLength adds the Content-Length that a WebSocket message may leave out (RFC 7118
// §5) and that sipgo needs.
func withLength(msg []byte) []byte {
	end := bytes.Index(msg, []byte("\r\n\r\n"))
	if end < 0 {
		return msg
	}
	for rest := msg[:end+2]; len(rest) > 0; {
		var line []byte
		line, rest = nextLine(rest)
		name, _, _ := bytes.Cut(line, []byte{':'})
		if headerKind(bytes.TrimRight(name, " \t")) == kindLength {
			return msg
		}
	}
	out := make([]byte, 0, len(msg)+32)
	out = append(out, msg[:end]...)
	out = append(out, "\r\nContent-Length: "...)
	out = strconv.AppendInt(out, int64(len(msg)-end-4), 10)
	return append(out, msg[end:]...)
}

// wrap makes a message a frame: text where it can be, which is all that some browsers'
// phones read.
func wrap(msg []byte) []byte {
	if utf8.Valid(msg) {
		return ws.MustCompileFrame(ws.NewTextFrame(msg))
	}
	return ws.MustCompileFrame(ws.NewBinaryFrame(msg))
}

// farewell is the close frame for the reason that a connection ended for; nil if it gets none.
func (c *streamConn) farewell() []byte {
	var code ws.StatusCode
	switch *c.reason.Load() {
	case closedByPeer, closedFraming:
		code = ws.StatusCode(c.goodbye.Load()) //nolint:gosec // it was one
	case closedStop:
		code = ws.StatusGoingAway
	case closedSlow, closedIdle:
		code = ws.StatusPolicyViolation
	case closedBySipgo:
		code = ws.StatusInternalServerError
	}
	if code == 0 {
		return nil
	}
	return ws.MustCompileFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(code, "")))
}
