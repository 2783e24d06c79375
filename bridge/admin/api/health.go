package api

import "time"

// Check is one thing that readiness looks at.
type Check struct {
	Name string `json:"name" doc:"What was looked at: sip, subscriptions, store, or pbx/NAME."`
	OK   bool   `json:"ok"`
	// Required: while it is not OK the process is not ready. A PBX or a store that is
	// away is never required: lamps and standing subscriptions go on without.
	Required bool   `json:"required" doc:"The process is not ready while a required check fails."`
	Detail   string `json:"detail,omitempty" doc:"Why it is not OK, or what is known of it. Left out for callers without token on a listener that is not loopback."`
}

// Readiness answers /readyz.
type Readiness struct {
	Ready  bool    `json:"ready"`
	Checks []Check `json:"checks"`
}

// Version describes the running binary.
type Version struct {
	Version   string    `json:"version" doc:"Version of the running binary."`
	GoVersion string    `json:"go_version"`
	Started   time.Time `json:"started" doc:"When the process began to serve."`
}

// Reloaded answers a reload.
type Reloaded struct {
	Message string `json:"message"`
}
