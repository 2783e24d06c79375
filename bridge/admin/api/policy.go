package api

import "time"

// PolicyImported answers an import of the policy.
type PolicyImported struct {
	PolicyDiff
	DryRun   bool `json:"dry_run"`
	Changed  bool `json:"changed" doc:"Something is another than before."`
	Tenants  int  `json:"tenants" doc:"What the document lists."`
	Lines    int  `json:"lines"`
	Phones   int  `json:"phones"`
	EndUsers int  `json:"end_users"`
}

// PolicyDiff tells one policy from another.
type PolicyDiff struct {
	Revision uint64 `json:"revision" doc:"The revision in force now; of a dry run or a comparison, the one that would be replaced."`
	Total    int    `json:"total" doc:"How many changes there are."`
	// Changes are the first of them.
	Changes []PolicyChange `json:"changes" doc:"The first 1000 of them, in the order of the document."`
}

// PolicyChange is one difference between two policies.
type PolicyChange struct {
	Tenant  string   `json:"tenant,omitempty" doc:"Empty for what concerns all."`
	Kind    string   `json:"kind" doc:"The key of the list or setting, such as phones."`
	Name    string   `json:"name,omitempty" doc:"Which of the list; empty for a setting."`
	Action  string   `json:"action" enum:"added,removed,changed,moved"`
	Details []string `json:"details,omitempty" doc:"key: before → after; of secrets only that they differ."`
}

// PolicyChanged answers a write to the policy.
type PolicyChanged struct {
	PolicyDiff
	DryRun bool `json:"dry_run"`
}

// AuditTrail lists the changes of the policy, the newest first.
type AuditTrail struct {
	Entries []AuditEntry `json:"entries"`
}

// AuditEntry is one change of the policy.
type AuditEntry struct {
	Revision uint64    `json:"revision" doc:"The one that the change made."`
	When     time.Time `json:"when"`
	Who      string    `json:"who" doc:"Who says to be, with what token, from where."`
	What     []string  `json:"what" doc:"A line for each change."`
}
