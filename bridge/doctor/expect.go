package doctor

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"

	"blfbridge/bridge/admin"
	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/admin/client"
	"blfbridge/bridge/device"
	"blfbridge/policy"
)

// expected asks who should know for what the lamp is to show: the PBX, else the server's
// own table; a watcher that may see nothing is shown unknown.
func (d *Doctor) expected(ctx context.Context) pbxState {
	who := d.Watch.User
	if who == "" {
		who = d.Watch.Line
	}
	if e, err := d.Server.Explain(ctx, admin.Question{Watcher: who, Target: d.Watch.Line}); err == nil && e.View == policy.ViewNone.String() {
		return pbxState{by: "the view of " + who}
	}
	number, _ := policy.SplitURI(d.Watch.Line)
	devices := d.devicesOf(number)
	for _, p := range d.pbxs {
		if s, known := p.lineState(ctx, number, devices); known {
			return s
		}
	}
	list, err := d.Server.Lines(ctx, client.LineFilter{Number: number})
	if err != nil || len(list.Lines) == 0 {
		return pbxState{}
	}
	i := max(0, slices.IndexFunc(list.Lines, func(l api.Line) bool { return l.Mode == "line" }))
	for _, s := range []device.State{device.Unknown, device.Idle, device.Ringing, device.Busy} {
		if s.String() == list.Lines[i].State {
			return pbxState{s, list.Lines[i].DND, "the server's own table"}
		}
	}
	return pbxState{}
}

// devicesOf are those that the policy names for a number.
func (d *Doctor) devicesOf(number string) (devices []string) {
	if d.Policy == nil {
		return nil
	}
	for _, t := range d.Policy.Tenants {
		for _, l := range t.Lines {
			if l.Number == number || slices.Contains(l.Aliases, number) {
				devices = append(devices, l.Devices...)
			}
		}
	}
	return devices
}

// astStates are Asterisk's device states as a lamp shows them.
var astStates = map[string]device.State{
	"NOT_INUSE": device.Idle, "INUSE": device.Busy, "BUSY": device.Busy, "ONHOLD": device.Busy,
	"RINGING": device.Ringing, "RINGINUSE": device.Busy,
}

// deviceState asks for one device; "INVALID" is what Asterisk does not know.
func (a *ariClient) deviceState(ctx context.Context, name string) string {
	status, body, err := a.ask(ctx, http.MethodGet, "/deviceStates/"+url.PathEscape(name))
	var answer struct{ State string }
	if err != nil || status != http.StatusOK || json.Unmarshal(body, &answer) != nil {
		return ""
	}
	return answer.State
}

// lineState takes the strongest of a line's devices (see line.Compose).
func (a *ariClient) lineState(ctx context.Context, number string, devices []string) (s pbxState, known bool) {
	if len(devices) == 0 {
		devices = []string{"PJSIP/" + number}
	}
	for _, name := range devices {
		if st := a.deviceState(ctx, name); st != "" && st != "INVALID" {
			known = true
			s.state = max(s.state, astStates[st])
		}
	}
	flag := a.deviceState(ctx, a.p.DNDPrefix+number)
	s.dnd = a.p.DNDPrefix != "" && (flag == "BUSY" || flag == "INUSE")
	s.by = "Asterisk " + a.p.Name
	return s, known
}
