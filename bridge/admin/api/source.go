package api

import "time"

// Source is one connected PBX.
type Source struct {
	Name    string    `json:"name"`
	Tenant  string    `json:"tenant,omitempty" doc:"Tenant of devices for which the PBX tells no domain; empty: the default tenant."`
	Up      bool      `json:"up" doc:"Connected, and its state is known."`
	Heard   bool      `json:"heard" doc:"It was up at least once since the start."`
	Since   time.Time `json:"since" doc:"Up or down since then."`
	Devices int       `json:"devices" doc:"How many devices it reported."`
	Error   string    `json:"error,omitempty" doc:"Why it is down."`
}

// SourceList is all PBXs, by name.
type SourceList struct {
	Sources []Source `json:"sources"`
}
