package api

import "time"

// TraceEvent is one thing that happened, while it is traced.
type TraceEvent struct {
	Time    time.Time         `json:"time"`
	Level   string            `json:"level" doc:"TRACE of SIP messages, else that of the log."`
	Message string            `json:"message" doc:"What happened; sip for a SIP message."`
	Attrs   map[string]string `json:"attrs" doc:"By name; message is the SIP message, without credentials."`
}

// TraceEnd is the last event of a trace.
type TraceEnd struct {
	Why string `json:"why" enum:"too_slow,too_many,stopping,time" doc:"Why the trace ends: it was not read quickly enough, too many listen already, the server stops, or its time is over."`
}

// TraceBegin is the first event of a trace: from now on nothing is missed.
type TraceBegin struct {
	Kind  string   `json:"kind"`
	Names []string `json:"names,omitempty" doc:"By which the phone is recognised."`
}
