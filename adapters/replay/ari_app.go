package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// ariWriteTimeout is how long a client may let a write wait, as Asterisk's
// websocket_write_timeout.
const ariWriteTimeout = 5 * time.Second

var ariSources = []string{"deviceState:", "channel:", "endpoint:", "bridge:"}

// ariApp is a Stasis application with its event socket.
type ariApp struct {
	name    string
	conn    *websocket.Conn // nil as long as the handshake is under way
	pending [][]byte        // until then
	cut     bool            // ended meanwhile
	sources map[string]bool
	allowed []string // event types; nil is all
}

func (p *ariApp) show() map[string]any {
	topic := func(source, name string) []string {
		if p.sources[source] {
			return []string{name}
		}
		return []string{}
	}
	allowed := []map[string]string{}
	for _, t := range p.allowed {
		allowed = append(allowed, map[string]string{"type": t})
	}
	return map[string]any{
		"name":              p.name,
		"channel_ids":       topic("channel:", "__AST_CHANNEL_ALL_TOPIC"),
		"bridge_ids":        topic("bridge:", "__AST_BRIDGE_ALL_TOPIC"),
		"endpoint_ids":      topic("endpoint:", "__AST_ENDPOINT_ALL_TOPIC"),
		"device_names":      topic("deviceState:", "__AST_DEVICE_STATE_ALL_TOPIC"),
		"events_allowed":    allowed,
		"events_disallowed": []string{},
	}
}

// wants says whether an event of this type goes to the application.
func (p *ariApp) wants(typ string) bool {
	if typ == "" {
		return true // broken JSON that a test injects
	}
	if p.allowed != nil && !slices.Contains(p.allowed, typ) {
		return false
	}
	switch {
	case typ == "ApplicationReplaced":
		return true
	case typ == "DeviceStateChanged":
		return p.sources["deviceState:"]
	case strings.HasPrefix(typ, "Channel"), typ == "Dial":
		return p.sources["channel:"]
	case strings.HasPrefix(typ, "Bridge"):
		return p.sources["bridge:"]
	case typ == "PeerStatusChange", typ == "ContactStatusChange", typ == "EndpointStateChange":
		return p.sources["endpoint:"]
	}
	return p.sources["channel:"] // what a test injects
}

func (p *ariApp) send(raw []byte) {
	if p.conn == nil {
		p.pending = append(p.pending, raw)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), ariWriteTimeout)
	defer cancel()
	if err := p.conn.Write(ctx, websocket.MessageText, raw); err != nil {
		p.conn.CloseNow() //nolint:errcheck // it is broken already
	}
}

// events opens an event socket and keeps it until the client closes it, or another takes
// the application.
func (a *ARI) events(w http.ResponseWriter, r *http.Request) {
	if !a.hold(r) {
		return
	}
	name := r.URL.Query().Get("app")
	if name == "" {
		ariError(w, http.StatusBadRequest, "HTTP request is missing param: [app]")
		return
	}
	app := &ariApp{name: name, sources: map[string]bool{}}
	if r.URL.Query().Get("subscribeAll") == "true" {
		for _, s := range ariSources {
			app.sources[s] = true
		}
	}
	a.enter(app) // before the handshake is answered, as Asterisk does
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"ari"}, InsecureSkipVerify: true})
	if err != nil {
		a.leave(app, err) // Accept answered
		return
	}
	defer conn.CloseNow() //nolint:errcheck
	a.mu.Lock()
	app.conn = conn
	a.sockets[conn] = true
	for _, raw := range app.pending {
		app.send(raw)
	}
	app.pending = nil
	if app.cut {
		conn.CloseNow() //nolint:errcheck // a crash does so
	}
	a.mu.Unlock()
	for err == nil {
		_, _, err = conn.Read(context.Background())
	}
	a.leave(app, err)
}

// enter takes the application, from another socket if need be.
func (a *ARI) enter(app *ariApp) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if old := a.apps[app.name]; old != nil {
		app.sources, app.allowed = maps.Clone(old.sources), old.allowed
		old.send([]byte(`{"type":"ApplicationReplaced","application":"` + app.name + `"}`))
	}
	a.apps[app.name] = app
}

// leave ends the application, if it is still this socket's.
func (a *ARI) leave(app *ariApp, why error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.sockets, app.conn)
	if a.apps[app.name] != app {
		return
	}
	delete(a.apps, app.name)
	if app.sources["deviceState:"] {
		a.risky++
	} else if websocket.CloseStatus(why) == websocket.StatusNormalClosure {
		a.safe++
	}
}

// broadcast sends an event to every application that wants it. The lock is held: it
// keeps the order.
func (a *ARI) broadcast(typ string, raw json.RawMessage) {
	for name, app := range a.apps {
		if app.wants(typ) {
			app.send(bytes.Replace(raw, []byte(`"application":"blf"`), []byte(`"application":"`+name+`"`), 1))
		}
	}
}
