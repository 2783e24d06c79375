package api

import "time"

// External is a line of another system that is watched over a SIP trunk.
type External struct {
	Tenant    string `json:"tenant"`
	Partition string `json:"partition,omitempty"`
	Number    string `json:"number" doc:"The number, or user@host of a SIP URI."`
	Route     string `json:"route" doc:"What of the policy leads to it."`
	State     string `json:"state" enum:"seeking,active,waiting,refused" doc:"Trunks are being tried; one has accepted; none could be reached and they are tried again; all refused."`
	Trunk     string `json:"trunk,omitempty" doc:"The trunk in use, or being tried."`
	// Destination is that of the trunk.
	Destination string `json:"destination,omitempty"`
	Event       string `json:"event,omitempty" doc:"dialog, or presence where the other system knows no dialog package."`
	ID          string `json:"id,omitempty" doc:"Call-ID of the subscription."`
	Watchers    int    `json:"watchers" doc:"How many subscriptions of watchers it feeds."`
	// ExpiresIn is in seconds from now; 0 without a subscription.
	ExpiresIn int        `json:"expires_in" doc:"Seconds until the subscription is over unless it is refreshed."`
	Retries   int        `json:"retries" doc:"How often it was tried again."`
	RetryAt   *time.Time `json:"retry_at,omitempty" doc:"When it is tried again."`
	Why       string     `json:"why,omitempty" doc:"What failed last."`
}

// ExternalList is all of them, by tenant and number.
type ExternalList struct {
	External []External `json:"external"`
}
