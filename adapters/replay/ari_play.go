package replay

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// The marks of a recording at which its Asterisk stopped and came back.
const (
	ariMarkDown = "websocket ended: EOFError"
	ariMarkUp   = "Asterisk is up again"
)

// Drop keeps the event of step n from the wire; REST shows what it did nevertheless.
func (a *ARI) Drop(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wire[n] = -1
}

// Swap sends the events of the steps n and m in each other's place.
func (a *ARI) Swap(n, m int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wire[n], a.wire[m] = a.wire[m], a.wire[n]
}

// Next plays the next mark and the events after it, up to the mark that follows. Events
// before the first mark have the mark "". ok is false at the end of the recording.
func (a *ARI) Next() (mark string, ok bool) {
	steps := a.cfg.Recording.Steps
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pos >= len(steps) {
		return "", false
	}
	for first := true; a.pos < len(steps); first = false {
		if s := &steps[a.pos]; s.Event == nil {
			if !first {
				break
			}
			mark = s.Mark
		}
		a.step()
	}
	return mark, true
}

// Play plays from where it is to the end of the recording, factor times as fast as it was
// recorded; zero or less is without any pause. It returns ctx's error if that ends first.
func (a *ARI) Play(ctx context.Context, factor float64) error {
	steps := a.cfg.Recording.Steps
	for {
		a.mu.Lock()
		pos := a.pos
		a.mu.Unlock()
		if pos >= len(steps) {
			return nil
		}
		if pos > 0 && factor > 0 {
			if pause := steps[pos].At.Sub(steps[pos-1].At); pause > 0 && !sleep(ctx, time.Duration(float64(pause)/factor)) {
				return ctx.Err()
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		a.mu.Lock()
		if a.pos == pos { // nobody else plays too
			a.step()
		}
		a.mu.Unlock()
	}
}

// Rewind starts the recording over, with the states that it began with; channels that
// still were are gone without an event. Sockets stay.
func (a *ARI) Rewind() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pos, a.state, a.down = 0, newARIState(&a.cfg), false
}

// step plays one step. The lock is held.
func (a *ARI) step() {
	i := a.pos
	s := &a.cfg.Recording.Steps[i]
	a.pos++
	switch {
	case s.Event != nil:
		a.state.apply(s.Event)
		if w := a.wire[i]; w >= 0 {
			if s := &a.cfg.Recording.Steps[w]; s.Event != nil {
				a.broadcast(s.Type, s.Event)
			}
		}
	case strings.HasPrefix(s.Mark, ariMarkDown):
		a.stop()
	case strings.HasPrefix(s.Mark, ariMarkUp):
		a.down = false
	}
}

// Inject makes something happen that is not in the recording: the event changes what REST
// shows, and is sent if sent is true. Any JSON will do.
func (a *ARI) Inject(event string, sent bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state.apply(json.RawMessage(event))
	if sent {
		var e ariEvent
		json.Unmarshal([]byte(event), &e) //nolint:errcheck // broken JSON is sent as it is
		a.broadcast(e.Type, json.RawMessage(event))
	}
}

// SetEndpoint configures an endpoint with a device state, or with "" takes it away. No event
// tells of it, as of Asterisk's reload.
func (a *ARI) SetEndpoint(name, state string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if state == "" {
		delete(a.state.endpoints, name)
		delete(a.state.devices, name)
		return
	}
	a.state.endpoints[name], a.state.devices[name] = true, state
}

// Closings counts the event sockets that clients closed: with a close frame after they
// unsubscribed from device states, and while they were subscribed, which can lock a real
// Asterisk 22 up (its issue 2170).
func (a *ARI) Closings() (safe, risky int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.safe, a.risky
}

// Cut ends every event socket as a crash does, without a close frame.
func (a *ARI) Cut() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cut()
}

// Restart is Cut by an Asterisk that stops and starts: the channels are gone too.
func (a *ARI) Restart() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stop()
	a.down = false
}

func (a *ARI) stop() {
	a.cut()
	a.state.restart()
	a.down = true
	a.started++
}

func (a *ARI) cut() {
	for _, app := range a.apps {
		app.cut = true
	}
	clear(a.apps)
	for conn := range a.sockets {
		conn.CloseNow() //nolint:errcheck // that is what is wanted
	}
	clear(a.sockets)
}

var _ http.Handler = (*ARI)(nil)
