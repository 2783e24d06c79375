package show

import (
	"io"
	"strconv"
	"time"

	"blfbridge/bridge/admin/api"
)

// External writes a line for each line of another system that is watched.
func External(w io.Writer, list *api.ExternalList, now time.Time) error {
	rows := [][]string{{"Presentity", "Trunk", "Watchers", "Expires", "Status"}}
	for i := range list.External {
		x := &list.External[i]
		status := x.State
		if x.Event == "presence" {
			status += " (presence)"
		}
		if x.RetryAt != nil {
			status += ", again in " + x.RetryAt.Sub(now).Round(time.Second).String()
		}
		if x.Why != "" {
			status += ": " + x.Why
		}
		trunk := x.Trunk
		if trunk == "" {
			trunk = "-"
		}
		name := x.Number
		if x.Partition != "" {
			name += " (" + x.Partition + ")"
		}
		rows = append(rows, []string{name, trunk, strconv.Itoa(x.Watchers), strconv.Itoa(x.ExpiresIn), status})
	}
	p := &printer{w: w}
	p.f("Presence External Presentities: %d line%s\n", len(list.External), plural(len(list.External)))
	p.table(rows, []int{22, 12, 8, 7, 6})
	return p.err
}
