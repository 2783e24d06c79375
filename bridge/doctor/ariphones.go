package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxPhones bounds how many phones of a PBX are looked at: what is forgotten is forgotten
// for all, or for the first ones.
const maxPhones = 50

// ariPhone is an endpoint that registers, with what concerns us of it and of its aors.
type ariPhone struct {
	name, context  string
	rewriteContact bool
	withoutPath    []string // aors
}

// phones lists endpoints with an aor that takes registrations; trunks have none.
func (a *ariClient) phones(ctx context.Context) (phones []ariPhone, err error) {
	status, body, err := a.ask(ctx, http.MethodGet, "/endpoints/PJSIP")
	var list []struct{ Resource string }
	if err == nil && status == http.StatusNotFound { // chan_pjsip is not loaded
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(body, &list)
	}
	if err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("GET /endpoints/PJSIP: %d %w", status, err)
	}
	for _, e := range list[:min(len(list), maxPhones)] {
		of := a.object(ctx, "endpoint", e.Resource)
		p := ariPhone{name: e.Resource, context: of["context"], rewriteContact: yes(of["rewrite_contact"])}
		registers := false
		for aor := range strings.SplitSeq(of["aors"], ",") {
			if aor = strings.TrimSpace(aor); aor == "" {
				continue
			}
			at := a.object(ctx, "aor", aor)
			if at == nil || at["max_contacts"] == "0" {
				continue
			}
			registers = true
			if !yes(at["support_path"]) {
				p.withoutPath = append(p.withoutPath, aor)
			}
		}
		if registers {
			phones = append(phones, p)
		}
	}
	return phones, nil
}

// object reads a section of pjsip.conf as Asterisk has it now; nil if it has none.
func (a *ariClient) object(ctx context.Context, kind, name string) map[string]string {
	status, body, err := a.ask(ctx, http.MethodGet, "/asterisk/config/dynamic/res_pjsip/"+kind+"/"+url.PathEscape(name))
	var tuples []struct{ Attribute, Value string }
	if err != nil || status != http.StatusOK || json.Unmarshal(body, &tuples) != nil {
		return nil
	}
	of := map[string]string{}
	for _, t := range tuples {
		of[t.Attribute] = t.Value
	}
	return of
}

func yes(s string) bool { return s == "true" || s == "yes" }

// edge looks whether phones behind the edge can be called back.
func (d *Doctor) edge(ctx context.Context, a *ariClient, name string, phones []ariPhone, say func(Finding)) {
	if f := d.module(ctx, a, name+"Path", "res_pjsip_path.so", "", ""); f.Result != OK {
		say(f)
	}
	var without, rewritten []string
	for _, p := range phones {
		without = append(without, p.withoutPath...)
		if p.rewriteContact {
			rewritten = append(rewritten, p.name)
		}
	}
	switch {
	case len(phones) == 0:
		say(warning(name+"Path", "configure phones in pjsip.conf", "no PJSIP endpoint with an aor that takes registrations"))
	case len(without) > 0:
		say(failed(name+"Path", "add support_path=yes to their sections of type=aor in pjsip.conf, then 'pjsip reload'", "calls do not reach %s behind the edge", names(without)))
	default:
		say(ok(name+"Path", "support_path is on for %d phones", len(phones)))
	}
	if len(rewritten) > 0 {
		say(failed(name+"Contact", "set rewrite_contact=no in their sections of type=endpoint in pjsip.conf, then 'pjsip reload'; the edge finds phones behind NAT by the Path",
			"Asterisk takes the edge's address for that of %s", names(rewritten)))
	} else if len(phones) > 0 {
		say(ok(name+"Contact", "phones keep their own"))
	}
	if slices.ContainsFunc(d.Config.SIP.Listen, func(l string) bool { return strings.HasPrefix(l, "ws") }) {
		say(d.module(ctx, a, name+"WebSocket", "res_pjsip_transport_websocket.so", "Contacts of web phones are understood", ""))
	}
}

// devices looks whether the PBX has what the configuration and the policy name.
func (d *Doctor) devices(ctx context.Context, a *ariClient, name string, say func(Finding)) {
	var missing []string
	seen := 0
	for _, n := range a.p.Devices {
		ask := n
		switch kind, _, _ := strings.Cut(n, ":"); strings.ToLower(kind) {
		case "confbridge": // not known before somebody is in it
			continue
		case "queue": // as long as nobody called it, only its other device is known
			ask += "_avail"
		}
		seen++
		if a.deviceState(ctx, ask) == "INVALID" {
			missing = append(missing, n)
		}
	}
	if len(missing) > 0 {
		say(failed(name+"devices", "mend "+d.key("pbx.devices")+", or configure them in Asterisk (queues.conf, confbridge.conf, res_parking.conf)", "Asterisk knows no %s", names(missing)))
	} else if seen > 0 {
		say(ok(name+"devices", "%d named devices are known", seen))
	}
	var lines []string
	known := 0
	for _, l := range d.policyDevices() {
		switch a.deviceState(ctx, l) {
		case "INVALID":
			lines = append(lines, l)
		case "":
		default:
			known++
		}
	}
	switch {
	case len(lines) > 0 && len(d.Config.PBX) == 1:
		say(failed(name+"lines", "mend devices of lines or phones in the policy ('blfbridge policy export'), or the section of type=endpoint in pjsip.conf", "the policy names devices that Asterisk does not know: %s", names(lines)))
	case known > 0:
		say(ok(name+"lines", "%d devices of the policy are known; hints are not needed", known))
	}
}

// policyDevices are PJSIP devices that the policy names.
func (d *Doctor) policyDevices() (list []string) {
	if d.Policy == nil {
		return nil
	}
	add := func(names ...string) {
		for _, n := range names {
			if strings.HasPrefix(n, "PJSIP/") && !slices.Contains(list, n) && len(list) < maxPhones {
				list = append(list, n)
			}
		}
	}
	for _, t := range d.Policy.Tenants {
		for _, l := range t.Lines {
			add(l.Devices...)
		}
		for _, p := range t.Phones {
			add(append([]string{p.Device}, p.Devices...)...)
		}
	}
	return list
}

// names lists some of many.
func names(list []string) string {
	const most = 8
	if len(list) > most {
		return strings.Join(list[:most], ", ") + fmt.Sprintf(" and %d more", len(list)-most)
	}
	return strings.Join(list, ", ")
}
