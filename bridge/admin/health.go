package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"blfbridge/bridge/admin/api"
)

// checkTimeout bounds the checks: an orchestrator waits for a second or so.
const checkTimeout = 800 * time.Millisecond

// health says that the process lives. It depends on nothing else, so that nobody
// restarts a bridge because its PBX or store is away.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte("{\"status\":\"alive\"}\n"))
}

// ready says whether phones can be sent here.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	answer := api.Readiness{Ready: true, Checks: s.c.Backend.Checks(ctx)}
	if answer.Checks == nil {
		answer.Checks = []api.Check{}
	}
	full := s.loopback.Load() || s.authorised(authorization(r))
	for i := range answer.Checks {
		c := &answer.Checks[i]
		if c.Required && !c.OK {
			answer.Ready = false
		}
		if !full {
			c.Detail = "" // it may hold addresses
		}
	}
	w.Header().Set("Content-Type", "application/json")
	if !answer.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(answer)
}
