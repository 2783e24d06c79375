package api

// Presence are the settings that hold for all watchers, as `show presence global` tells them.
type Presence struct {
	Enabled           bool `json:"enabled"`
	ExternalWatchers  bool `json:"external_watchers" doc:"Watchers behind SIP trunks are accepted."`
	MaxSubscriptions  int  `json:"max_subscriptions" doc:"The lower one of sip.max_subscriptions and the policy's; 0: no limit."`
	Subscriptions     int  `json:"subscriptions"`
	ExternalSubscribe bool `json:"external_subscribe" doc:"Lines of other systems can be watched."`
	CallList          bool `json:"call_list" doc:"Call lists show lamps (BLF for call lists)."`
	// Server is CME's presence server; 0.0.0.0 while there is none.
	Server        string `json:"server"`
	RetryInterval int    `json:"retry_interval" doc:"Seconds between attempts to subscribe to an external line."`
	RetryLimit    int    `json:"retry_limit"`
	Mode          string `json:"mode" doc:"How the bridge is used: beside the PBX, or edge, a SIP proxy in front of it."`
	// UnknownWatchers says in words what becomes of watchers that the policy does not list.
	UnknownWatchers string `json:"unknown_watchers"`
}
