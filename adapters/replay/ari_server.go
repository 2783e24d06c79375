package replay

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// ARIConfig says what to replay.
type ARIConfig struct {
	// Recording is needed.
	Recording *ARIRecording
	// Username and Password are asked for where Username is not empty.
	Username, Password string
	// Endpoints ("PJSIP/1001") exist besides those whose state the recording tells.
	Endpoints []string
	// Start are the device states before the first step; an endpoint not named is
	// NOT_INUSE.
	Start map[string]string
	// Variables are what /channels/{id}/variable answers: channel id → variable → value.
	Variables map[string]map[string]string
}

// ARI is a server that speaks ARI as the Asterisk of a recording did: it serves over REST
// the state that the events so far make, and streams the events to event sockets. It
// replaces Asterisk for the real adapter, in tests and where none can be installed. All
// methods may be called concurrently.
//
// It keeps to what Asterisk does where a client can see it: nothing is sent that was not
// subscribed to or that the event filter holds back, a second socket takes the
// application over (ApplicationReplaced), an application lives as long as its
// socket, unknown devices are INVALID, it never pings, and stops without a close frame.
type ARI struct {
	cfg ARIConfig
	mux *http.ServeMux

	mu      sync.Mutex // guards what follows
	state   *ariState
	apps    map[string]*ariApp
	sockets map[*websocket.Conn]bool // also those that lost their application
	wire    []int                    // for each step the one that is sent in its place, -1 for none
	pos     int                      // the next step
	fault   ARIFault
	changed chan struct{} // closed and renewed when fault changes
	started int           // how often the PBX started
	down    bool
	safe    int // sockets closed by clients after they unsubscribed
	risky   int // and before
}

// ARIFault is what is wrong with the server; the zero value is nothing.
type ARIFault struct {
	// HangEvents makes new event sockets hang in their handshake, and HangApplications
	// every request below /applications: together Asterisk's lock-up (its issue 2170).
	HangEvents, HangApplications bool
	// Delay is waited before each REST answer.
	Delay time.Duration
	// Status is answered to everything, if not zero.
	Status int
	// NoFilter: there is no event filter, as before Asterisk 13.26 and 16.3.
	NoFilter bool
}

// NewARI makes a server; serve it with net/http at any address.
func NewARI(cfg ARIConfig) *ARI {
	a := &ARI{
		cfg: cfg, mux: http.NewServeMux(), state: newARIState(&cfg), apps: map[string]*ariApp{}, sockets: map[*websocket.Conn]bool{},
		wire: make([]int, len(cfg.Recording.Steps)), changed: make(chan struct{}), started: 1,
	}
	for i := range a.wire {
		a.wire[i] = i
	}
	a.routes()
	return a
}

// Fault makes the server misbehave from now on; requests that hang go on when their
// fault is taken away.
func (a *ARI) Fault(f ARIFault) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fault = f
	close(a.changed)
	a.changed = make(chan struct{})
}

// ServeHTTP serves everything below /ari.
func (a *ARI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	down, f := a.down, a.fault
	a.mu.Unlock()
	if down {
		panic(http.ErrAbortHandler) // nobody listens
	}
	if f.Status != 0 {
		ariError(w, f.Status, http.StatusText(f.Status))
		return
	}
	user, pass, _ := r.BasicAuth()
	if a.cfg.Username != "" && (user != a.cfg.Username || subtle.ConstantTimeCompare([]byte(pass), []byte(a.cfg.Password)) != 1) {
		ariError(w, http.StatusUnauthorized, "Authentication required")
		return
	}
	a.mux.ServeHTTP(w, r)
}

func (a *ARI) routes() {
	rest := func(pattern string, h func(r *http.Request) (any, int)) {
		a.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if !a.hold(r) {
				return
			}
			a.mu.Lock()
			out, code := h(r)
			body, _ := json.Marshal(out) // our own types
			a.mu.Unlock()
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(code)
			if code != http.StatusNoContent {
				w.Write(body) //nolint:errcheck // the client went away
			}
		})
	}
	rest("GET /ari/asterisk/info", a.info)
	rest("GET /ari/endpoints", func(*http.Request) (any, int) { return a.state.listEndpoints(), 200 })
	rest("GET /ari/channels", func(*http.Request) (any, int) { return a.state.listChannels(), 200 })
	rest("GET /ari/channels/{id}/variable", a.variable)
	rest("GET /ari/deviceStates", func(*http.Request) (any, int) { return a.state.stasisDevices(), 200 })
	rest("GET /ari/deviceStates/{name}", func(r *http.Request) (any, int) { return a.state.device(r.PathValue("name")), 200 })
	rest("GET /ari/applications", a.listApps)
	rest("GET /ari/applications/{app}", a.app)
	rest("PUT /ari/applications/{app}/eventFilter", a.filter)
	rest("POST /ari/applications/{app}/subscription", a.subscription)
	rest("DELETE /ari/applications/{app}/subscription", a.subscription)
	rest("/", func(*http.Request) (any, int) { return ariMessage{"Resource not found"}, 404 })
	a.mux.HandleFunc("GET /ari/events", a.events)
}

// hold keeps a request as long as a fault says so; false if its client went away.
func (a *ARI) hold(r *http.Request) bool {
	apps := strings.HasPrefix(r.URL.Path, "/ari/applications")
	events := r.URL.Path == "/ari/events"
	for {
		a.mu.Lock()
		f, changed := a.fault, a.changed
		a.mu.Unlock()
		if !(f.HangApplications && apps || f.HangEvents && events) {
			return f.Delay == 0 || events || sleep(r.Context(), f.Delay)
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return false
		}
	}
}

func (a *ARI) info(*http.Request) (any, int) {
	start := a.cfg.Recording.Steps[0].At.Add(time.Duration(a.started) * time.Second)
	return map[string]any{
		"system": map[string]string{"version": "replay", "entity_id": "00:00:00:00:00:00"},
		"status": map[string]string{"startup_time": start.Format("2006-01-02T15:04:05.000-0700")},
	}, 200
}

func (a *ARI) variable(r *http.Request) (any, int) {
	id, name := r.PathValue("id"), r.URL.Query().Get("variable")
	if a.state.channels[id] == nil {
		return ariMessage{"Channel not found"}, 404
	}
	v, ok := a.state.variables[id][name]
	if !ok {
		return ariMessage{"Unable to read provided function"}, 500
	}
	return map[string]string{"value": v}, 200
}

func (a *ARI) listApps(*http.Request) (any, int) {
	out := []any{}
	for _, app := range a.apps {
		out = append(out, app.show())
	}
	return out, 200
}

func (a *ARI) app(r *http.Request) (any, int) {
	app := a.apps[r.PathValue("app")]
	if app == nil {
		return ariMessage{"Application not found"}, 404
	}
	return app.show(), 200
}

func (a *ARI) filter(r *http.Request) (any, int) {
	app := a.apps[r.PathValue("app")]
	if app == nil {
		return ariMessage{"Application not found"}, 404
	}
	if a.fault.NoFilter {
		return ariMessage{"Resource not found"}, 404
	}
	var f struct {
		Allowed []struct {
			Type string `json:"type"`
		} `json:"allowed"`
	}
	if err := json.NewDecoder(r.Body).Decode(&f); err != nil {
		return ariMessage{"Invalid filter"}, 400
	}
	app.allowed = nil
	for _, t := range f.Allowed {
		app.allowed = append(app.allowed, t.Type)
	}
	return app.show(), 200
}

func (a *ARI) subscription(r *http.Request) (any, int) {
	app := a.apps[r.PathValue("app")]
	if app == nil {
		return ariMessage{"Application not found"}, 404
	}
	for _, source := range strings.Split(r.URL.Query().Get("eventSource"), ",") {
		if !slices.Contains(ariSources, source) {
			return ariMessage{"Invalid event source URI scheme"}, 400
		}
		app.sources[source] = r.Method == http.MethodPost
	}
	return app.show(), 200
}

type ariMessage struct {
	Message string `json:"message"`
}

func ariError(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(ariMessage{text}) //nolint:errcheck // the client went away
}

// sleep waits; false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
