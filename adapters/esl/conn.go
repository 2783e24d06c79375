package esl

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/percipia/eslgo/command"
)

// conn is one authenticated event socket. Its reader goroutine never waits: answers go
// to the command they belong to, events into a bounded queue.
type conn struct {
	nc      net.Conn
	timeout time.Duration // of a command
	m       *metrics

	events   chan event    // what the applier takes
	overflow chan struct{} // one token while events have been dropped
	done     chan struct{} // closed when the reader has ended
	err      error         // why; valid once done is closed

	// mu guards the order of commands: waiting is in the order they were written.
	mu      sync.Mutex
	waiting []chan answer
	failed  error // set when no command can be sent any more
}

// answer is the reply to one command.
type answer struct {
	text string
	err  error
}

// start begins reading; the caller must close and then wait for done.
func (c *conn) start(fr *frameReader) {
	go func() {
		c.err = c.fail(c.read(fr))
		c.nc.Close()
		close(c.done)
	}()
}

// close ends the connection and waits for the reader.
func (c *conn) close() {
	c.nc.Close()
	<-c.done
}

func (c *conn) read(fr *frameReader) error {
	for {
		f, err := fr.next()
		if err != nil {
			return lost(err)
		}
		switch f.contentType {
		case "text/event-plain":
			c.event(f, decodePlain)
		case "text/event-json":
			c.event(f, decodeJSON)
		case "command/reply":
			if err := c.answer(f.reply); err != nil {
				return err
			}
		case "api/response":
			if err := c.answer(string(f.body)); err != nil {
				return err
			}
		case "text/disconnect-notice":
			return fmt.Errorf("%w: %s", ErrDisconnected, firstLine(string(f.body)))
		case "text/rude-rejection":
			return ErrRejected
		default:
			c.m.parseErrors.Inc() // log/data and what later versions may send
		}
	}
}

func (c *conn) event(f frame, decode func([]byte) (event, int, error)) {
	if f.tooBig {
		c.m.parseErrors.Inc()
		return
	}
	e, odd, err := decode(f.body)
	c.m.parseErrors.Add(float64(odd))
	if err != nil {
		c.m.parseErrors.Inc()
		return
	}
	e.at = time.Now()
	select {
	case c.events <- e:
	default:
		select {
		case c.overflow <- struct{}{}:
			c.m.overflows.Inc()
		default:
		}
	}
}

func (c *conn) answer(text string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 {
		return fmt.Errorf("%w: an answer to no command", ErrFrame)
	}
	c.waiting[0] <- answer{text: text}
	c.waiting = c.waiting[1:]
	return nil
}

// fail answers every waiting command, and all later ones, with err, or with the earlier
// reason if there was one; it returns that.
func (c *conn) fail(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed == nil {
		c.failed = err
	}
	for _, w := range c.waiting {
		w <- answer{err: err}
	}
	c.waiting = nil
	return c.failed
}

// do sends one command and waits for its answer. FreeSWITCH answers in order, so one
// that stays away breaks the connection: it is closed. Safe for concurrent use.
func (c *conn) do(ctx context.Context, cmd command.Command) (string, error) {
	reply := make(chan answer, 1)
	if err := c.send(cmd, reply); err != nil {
		return "", err
	}
	t := time.NewTimer(c.timeout)
	defer t.Stop()
	select {
	case a := <-reply:
		return a.text, a.err
	case <-t.C:
		err := fmt.Errorf("%w: %.80q after %v", ErrTimeout, cmd.BuildMessage(), c.timeout)
		c.m.commandErrors.Inc()
		_ = c.fail(err)
		_ = c.nc.Close()
		return "", err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (c *conn) send(cmd command.Command, reply chan answer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed != nil {
		return c.failed
	}
	if err := c.write(cmd); err != nil {
		c.failed = err
		return err
	}
	c.waiting = append(c.waiting, reply)
	return nil
}

func (c *conn) write(cmd command.Command) error {
	if err := c.nc.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
		return lost(err)
	}
	if _, err := c.nc.Write([]byte(cmd.BuildMessage() + "\r\n\r\n")); err != nil {
		return lost(err)
	}
	return nil
}

// api runs an api command; an -ERR answer is ErrCommand with its text.
func (c *conn) api(ctx context.Context, name, args string) (string, error) {
	text, err := c.do(ctx, command.API{Command: name, Arguments: args})
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(text, "-ERR") || strings.HasPrefix(text, "-USAGE") {
		c.m.commandErrors.Inc()
		return text, fmt.Errorf("%w: api %s %s: %s", ErrCommand, name, args, firstLine(text))
	}
	return text, nil
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}
