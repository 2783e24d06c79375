package api

// PolicyImported answers an import of the policy.
type PolicyImported struct {
	Revision uint64 `json:"revision" doc:"The revision in force now; of a dry run, the one that would be replaced."`
	DryRun   bool   `json:"dry_run"`
	Changed  bool   `json:"changed" doc:"Some decision may differ from before."`
	Tenants  int    `json:"tenants" doc:"What the document lists."`
	Lines    int    `json:"lines"`
	Phones   int    `json:"phones"`
	EndUsers int    `json:"end_users"`
}
