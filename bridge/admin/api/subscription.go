package api

import "time"

// Subscription is one SIP subscription of a watcher.
type Subscription struct {
	ID         string     `json:"id" doc:"Our tag of the dialog, unique among all subscriptions."`
	Watcher    Watcher    `json:"watcher"`
	Presentity Presentity `json:"presentity"`
	// Lamp is what this watcher is shown, Line what the line really does.
	Lamp string `json:"lamp" enum:"unknown,idle,ringing,busy,dnd" doc:"What this watcher is shown."`
	Line string `json:"line" enum:"unknown,idle,ringing,busy,dnd" doc:"What the line does, unmasked."`
	View string `json:"view" enum:"none,state,ringing,name,number,idle"`
	// Pickup says whether the watcher may pick up the line's calls.
	Pickup  bool      `json:"pickup"`
	Event   string    `json:"event" enum:"dialog,presence"`
	EventID string    `json:"event_id,omitempty"`
	Content string    `json:"content" doc:"Form of the NOTIFY bodies: dialog-info, pidf or xpidf."`
	Dialect string    `json:"dialect" doc:"Which family of phones the bodies are written for."`
	Status  string    `json:"status" enum:"active,terminated"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	// ExpiresIn is in seconds from now.
	ExpiresIn int    `json:"expires_in" doc:"Seconds until it expires."`
	Version   uint32 `json:"version" doc:"Version of the next body."`
	CSeq      uint32 `json:"cseq" doc:"CSeq of the next NOTIFY."`
	Durable   bool   `json:"durable" doc:"false: granted while the store was away, for a short while."`
	FlowLost  bool   `json:"flow_lost" doc:"The connection is gone; NOTIFYs wait for the phone."`
	Waiting   bool   `json:"waiting" doc:"A NOTIFY is not answered yet."`
	Failures  int    `json:"failures" doc:"NOTIFYs that failed in a row."`
	// Sibling is CME's SibID.
	Sibling string `json:"sibling,omitempty" doc:"Call-ID of the subscription to another system that feeds it."`
	CallID  string `json:"call_id"`
	Shard   int    `json:"shard"`
}

// Watcher is who subscribes.
type Watcher struct {
	Tenant string `json:"tenant"`
	Kind   string `json:"kind" enum:"unknown,phone,end_user,application_user,trunk"`
	ID     string `json:"id" doc:"Name of the phone, user or trunk; for unknown watchers the address of record claimed."`
	// Number is the line that a phone is shown as: for a button its first line, for a call
	// list the one that the request names, else the primary line (CUCM).
	Number string `json:"number,omitempty" doc:"Line that a phone is shown as: for a button its first, else the one it names or its primary line."`
	Trunk  string `json:"trunk,omitempty" doc:"Trunk that an application user's request came through."`
	// DigestUser is the user whose credentials held for a trunk's request.
	DigestUser string `json:"digest_user,omitempty" doc:"Digest user whose credentials held for a trunk's request."`
	URI        string `json:"uri,omitempty" doc:"From of the SUBSCRIBE."`
	Contact    string `json:"contact,omitempty"`
	Transport  string `json:"transport"`
	Address    string `json:"address" doc:"ip:port that NOTIFYs go to."`
	Local      string `json:"local" doc:"ip:port that NOTIFYs leave from."`
	UserAgent  string `json:"user_agent,omitempty"`
}

// Presentity is what is watched.
type Presentity struct {
	Tenant    string `json:"tenant"`
	Partition string `json:"partition,omitempty"`
	Number    string `json:"number"`
	Mode      string `json:"mode" enum:"line,device"`
	Name      string `json:"name,omitempty"`
	URI       string `json:"uri,omitempty" doc:"As subscribed to."`
}

// SubscriptionList is a page of subscriptions.
type SubscriptionList struct {
	// Total counts all, Matching those of the filter; Subscriptions are those of the page.
	Total         int                  `json:"total" doc:"How many subscriptions there are."`
	Matching      int                  `json:"matching" doc:"How many the filter matches."`
	Summary       SubscriptionsSummary `json:"summary" doc:"Counts of those that the filter matches."`
	Subscriptions []Subscription       `json:"subscriptions"`
}

// SubscriptionsSummary counts subscriptions. Every map's values add up to Matching.
type SubscriptionsSummary struct {
	ByEvent     map[string]int `json:"by_event"`
	ByTransport map[string]int `json:"by_transport"`
	ByLamp      map[string]int `json:"by_lamp" doc:"By what the watchers are shown."`
	NotDurable  int            `json:"not_durable"`
	Failing     int            `json:"failing" doc:"Whose last NOTIFY failed, or whose connection is lost."`
}
