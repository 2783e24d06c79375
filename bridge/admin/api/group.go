package api

// PresenceGroup is a presence group as the Presence Group Configuration window of CUCM
// has it.
type PresenceGroup struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Dependents  int    `json:"dependents" doc:"How many things use it."`
	Undeletable bool   `json:"undeletable" doc:"True of Standard."`
}

// PresenceGroupList is a page of presence groups.
type PresenceGroupList struct {
	Revision uint64          `json:"revision"`
	Tenant   string          `json:"tenant"`
	Total    int             `json:"total" doc:"How many groups were found."`
	Groups   []PresenceGroup `json:"groups"`
}

// PresenceGroupDetails is a presence group with its relations.
type PresenceGroupDetails struct {
	PresenceGroup
	Revision uint64 `json:"revision"`
	Tenant   string `json:"tenant"`
	// Relations and WatchedBy leave out what is "system default" and nothing else.
	Relations []Relation `json:"relations" doc:"What its members may watch. Relations that are system default and say nothing else are not listed."`
	WatchedBy []Relation `json:"watched_by" doc:"Whose members may watch its members."`
}

// Relation is the permission from the group of a watcher to that of a presentity.
type Relation struct {
	From      string `json:"from"`
	To        string `json:"to"`
	Subscribe string `json:"subscribe" enum:"allow,disallow,system_default"`
	View      string `json:"view,omitempty" enum:"none,state,ringing,name,number" doc:"How much a watcher sees; left out: all."`
	Pickup    *bool  `json:"pickup,omitempty" doc:"Left out: where it may watch."`
}

// DependencyRecords are a page of what uses presence groups.
type DependencyRecords struct {
	Revision uint64             `json:"revision"`
	Tenant   string             `json:"tenant"`
	Total    int                `json:"total"`
	Records  []DependencyRecord `json:"records"`
}

// DependencyRecord is something that uses a presence group.
type DependencyRecord struct {
	Kind          string `json:"kind" enum:"line,phone,end_user,trunk,application_user,device_profile,unknown_watchers,cross_tenant_permission"`
	Name          string `json:"name" doc:"Of a line the number, or number@partition."`
	PresenceGroup string `json:"presence_group"`
}

// Assignments are a page of what a presence group can be applied to.
type Assignments struct {
	Revision    uint64       `json:"revision"`
	Tenant      string       `json:"tenant"`
	Total       int          `json:"total"`
	Assignments []Assignment `json:"assignments"`
}

// Assignment is something with the presence group and calling search space applied to it.
type Assignment struct {
	Kind                        string `json:"kind" enum:"line,phone,end_user,trunk,application_user,device_profile"`
	Name                        string `json:"name" doc:"Of a line the number, or number@partition."`
	PresenceGroup               string `json:"presence_group,omitempty" doc:"Empty: Standard, or none for an application user."`
	SubscribeCallingSearchSpace string `json:"subscribe_calling_search_space,omitempty" doc:"Empty: None."`
}

// TenantList lists the tenants of the policy document.
type TenantList struct {
	Revision uint64   `json:"revision"`
	Home     string   `json:"home" doc:"The one that operations take where none is named."`
	Tenants  []string `json:"tenants"`
}
