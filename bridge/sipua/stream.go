package sipua

import (
	"errors"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"blfbridge/bridge/notifier"
)

// Why a connection ended: metric labels.
const (
	closedByPeer  = "peer"
	closedStalled = "stalled"
	closedIdle    = "idle"
	closedSlow    = "slow_message"
	closedFraming = "framing"
	closedError   = "error"
	closedBySipgo = "layer"
	closedStop    = "stop"
)

var (
	errStalled = errors.New("sipua: the peer does not take what is written")
	errFraming = errors.New("sipua: the stream cannot be framed")
)

// streamConn is a net.Conn for sipgo's ServeTCP. Read hands on whole screened messages
// only; Write queues and returns, so that a stalled peer blocks nobody. Besides sipgo's
// read buffer an idle connection costs no buffer and no goroutine of its own.
//
// Its flow, for a connection that we opened, has not the addresses of the socket: a
// SUBSCRIBE that comes over it must lead to the same flow again.
type streamConn struct {
	greeted
	flow notifier.Flow
	set  *streams
	id   uint64

	framer    // of the one reader
	unwrapper // of the one reader

	mu      sync.Mutex // guards the writer's state below
	queue   [][]byte
	queued  int // bytes in queue, without what is being written
	writing bool
	writer  sync.WaitGroup // drain
	torn    atomic.Bool    // a write failed, maybe within a frame
	ended   bool

	closeOnce sync.Once
	reason    atomic.Pointer[string]
}

// LocalAddr is that of the flow.
func (c *streamConn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.flow.Local) }

// RemoteAddr names the connection and nothing else: sipgo finds the connection for a
// response by it, and one peer may use the same port towards several of our listeners.
func (c *streamConn) RemoteAddr() net.Addr { return connName(c.id) }

// connName is the address by which sipgo knows a connection; it can be dialled by nobody.
type connName uint64

// Network implements net.Addr.
func (connName) Network() string { return "tcp" }

// String has the form of host:port, but no host of that form is looked up.
func (n connName) String() string {
	return "connection-" + strconv.FormatUint(uint64(n), 10) + ".invalid:1"
}

// Write queues a copy of b. It fails if the connection is closed or its queue full; a
// full queue closes it.
func (c *streamConn) Write(b []byte) (int, error) {
	trace(c.set.screener.log, "out", packet{b, c.flow.Transport, c.flow.Local, c.flow.Remote})
	out := append([]byte(nil), b...)
	if c.ws {
		out = wrap(out)
	}
	if err := c.enqueue(out); err != nil {
		return 0, err
	}
	return len(b), nil
}

// enqueue queues b, which is the queue's from now on.
func (c *streamConn) enqueue(b []byte) error {
	c.mu.Lock()
	switch {
	case c.ended:
		c.mu.Unlock()
		return net.ErrClosed
	case c.queued+len(b) > c.set.limits.QueueBytes:
		c.mu.Unlock()
		c.end(closedStalled)
		return errStalled
	}
	c.queue = append(c.queue, b)
	c.queued += len(b)
	if !c.writing {
		c.writing = true
		c.writer.Add(1)
		c.set.wg.Go(c.drain) // under the lock: stop ends us before it waits
	}
	c.mu.Unlock()
	return nil
}

// drain writes until the queue is empty.
func (c *streamConn) drain() {
	defer c.writer.Done()
	for {
		c.mu.Lock()
		if len(c.queue) == 0 || c.ended {
			c.writing, c.queue = false, nil
			c.mu.Unlock()
			return
		}
		bufs := net.Buffers(c.queue)
		c.queue, c.queued = nil, 0
		c.mu.Unlock()
		_ = c.Conn.SetWriteDeadline(time.Now().Add(c.set.timeouts.Write))
		if _, err := bufs.WriteTo(c.Conn); err != nil {
			c.torn.Store(true)
			if isTimeout(err) {
				c.end(closedStalled)
			} else {
				c.end(closedError)
			}
		}
	}
}

// end closes the connection for a reason that is counted; only the first one is.
func (c *streamConn) end(reason string) {
	c.reason.CompareAndSwap(nil, &reason)
	_ = c.Close()
}

// Close ends the connection at once; what is queued is lost. sipgo calls it too, at the latest
// when its reader has ended.
func (c *streamConn) Close() (err error) {
	defer c.set.gone(c.RemoteAddr().String()) // each time: the last one counts
	c.closeOnce.Do(func() {
		c.mu.Lock()
		c.ended = true
		c.queue, c.queued = nil, 0
		c.mu.Unlock()
		layer := closedBySipgo
		c.reason.CompareAndSwap(nil, &layer)
		if c.Conn == c.tcp && !c.ws {
			err = c.Conn.Close()
		} else {
			_ = c.tcp.SetReadDeadline(time.Unix(1, 0)) // the reader ends now
			c.set.wg.Go(c.bye)                         // before remove, so that stop waits for it
		}
		c.set.remove(c, *c.reason.Load())
	})
	return err
}

// bye closes a connection whose end says goodbye, which a stalled peer may not take.
func (c *streamConn) bye() {
	t := time.AfterFunc(time.Second, func() { _ = c.tcp.Close() })
	defer t.Stop()
	if c.ws {
		c.writer.Wait() // a frame goes behind the one before it; none is begun any more
		if !c.torn.Load() {
			_ = c.tcp.SetWriteDeadline(time.Now().Add(time.Second))
			_, _ = c.Conn.Write(c.farewell())
		}
	}
	_ = c.Conn.Close()
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}
