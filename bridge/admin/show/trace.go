package show

import (
	"io"
	"slices"
	"strings"

	"blfbridge/bridge/admin/api"
)

var levels = map[string]string{"ERROR": red, "WARN": yellow, "INFO": green}

// Trace writes one event of a live trace in the manner of CME's debug presence: time,
// //PRESENCE, what happened; a SIP message is indented below its line.
func Trace(w io.Writer, e *api.TraceEvent, paint Paint) error {
	p := &printer{w: w}
	at := e.Time.Format("*Jan _2 15:04:05.000")
	if e.Message == "sip" {
		arrow := map[string]string{"in": "<-", "out": "->"}[e.Attrs["direction"]]
		p.f("%s: //PRESENCE:[%s]:/%s %s\n", at, clean(e.Attrs["transport"]), arrow, clean(e.Attrs["remote"]))
		for i, line := range strings.Split(strings.TrimRight(e.Attrs["message"], "\r\n"), "\n") {
			line = clean(strings.TrimRight(line, "\r"))
			if i == 0 {
				line = paint.in(bold, line)
			}
			p.f("    %s\n", line)
		}
		return p.err
	}
	var attrs []string
	for name, value := range e.Attrs {
		attrs = append(attrs, name+"="+value)
	}
	slices.Sort(attrs)
	p.f("%s: //PRESENCE:[%s]:/%s", at, paint.in(levels[e.Level], e.Level), clean(e.Message))
	for _, a := range attrs {
		p.f(" %s", clean(a))
	}
	p.f("\n")
	return p.err
}
