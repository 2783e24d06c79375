package api

// Explanation tells how a SUBSCRIBE would be answered, and why.
type Explanation struct {
	Watcher ExplainedWatcher `json:"watcher"`
	Target  ExplainedTarget  `json:"target"`
	Steps   []ExplainStep    `json:"steps" doc:"What was looked at, in order; the last steps are the decision."`
	Outcome string           `json:"outcome" enum:"allowed,refused,not_found,challenged,unavailable"`
	Status  int              `json:"status" doc:"How the SUBSCRIBE would be answered."`
	Rule    string           `json:"rule" doc:"What decided."`
	View    string           `json:"view,omitempty" enum:"none,state,ringing,name,number,idle" doc:"Of an allowed subscription."`
	Pickup  bool             `json:"pickup"`
	// PickupRule is what decided about picking up, where the watcher may watch.
	PickupRule string `json:"pickup_rule,omitempty"`
	// WatcherGroup and PresentityGroup are empty if no groups were compared.
	WatcherGroup    string `json:"watcher_group,omitempty"`
	PresentityGroup string `json:"presentity_group,omitempty"`
	// Notes say what was assumed.
	Notes []string `json:"notes"`
}

// ExplainedWatcher is as whom the watcher was recognised.
type ExplainedWatcher struct {
	Given   string `json:"given"`
	Tenant  string `json:"tenant"`
	Kind    string `json:"kind" enum:"unknown,phone,end_user,application_user,trunk"`
	ID      string `json:"id"`
	Trunk   string `json:"trunk,omitempty" doc:"Trunk that an application user comes through, or a trunk that lacks its certificate."`
	Source  string `json:"source,omitempty" doc:"Source address, if it was given."`
	Trusted bool   `json:"trusted" doc:"Credentials are not needed, or taken to hold."`
	User    string `json:"user,omitempty" doc:"The end user who is logged in on the phone."`
	Profile string `json:"profile,omitempty" doc:"The device profile in force on the phone."`
}

// ExplainedTarget is what the target was resolved to.
type ExplainedTarget struct {
	Given     string `json:"given"`
	Tenant    string `json:"tenant"`
	Partition string `json:"partition,omitempty"`
	Number    string `json:"number"`
	// PickupCode: the number was given behind the tenant's pickup code, which was taken off.
	PickupCode bool `json:"pickup_code"`
	// Learned: a PBX reported the number, or may yet.
	Learned bool `json:"learned"`
}

// ExplainStep is one step of the decision.
type ExplainStep struct {
	Step   string `json:"step" enum:"watcher,target,allow_watch,button,call_list,group,view"`
	Result string `json:"result" doc:"pass, or the outcome."`
	Rule   string `json:"rule"`
}
