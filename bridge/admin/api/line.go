package api

import "time"

// Line is a presentity and its lamp, as the bridge knows it: no view masks it.
type Line struct {
	Tenant    string    `json:"tenant"`
	Partition string    `json:"partition,omitempty" doc:"Empty for <None>."`
	Number    string    `json:"number" doc:"Normalised directory number, or the device of a special line."`
	Mode      string    `json:"mode" enum:"line,device" doc:"device: the phone whose primary line it is."`
	Name      string    `json:"name,omitempty"`
	Lamp      string    `json:"lamp" enum:"unknown,idle,ringing,busy,dnd" doc:"The value of a single lamp."`
	State     string    `json:"state" enum:"unknown,idle,ringing,busy" doc:"The state beside the DND flag."`
	DND       bool      `json:"dnd"`
	Calls     []Call    `json:"calls"`
	Changed   time.Time `json:"changed,omitzero" doc:"When the event behind the lamp was received; left out if nothing happened yet."`
}

// Call is a call of a line.
type Call struct {
	Direction string    `json:"direction" enum:"initiator,recipient"`
	Phase     string    `json:"phase" enum:"trying,proceeding,early,confirmed,held"`
	Number    string    `json:"number,omitempty" doc:"Of the other party."`
	Name      string    `json:"name,omitempty" doc:"Of the other party."`
	Since     time.Time `json:"since,omitzero"`
}

// LineList is a page of lines.
type LineList struct {
	// Total counts what the filter matches; Lines are those of the page.
	Total int    `json:"total" doc:"How many lines the filter matches."`
	Lines []Line `json:"lines"`
}
