package doctor

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// module looks whether Asterisk runs a module.
func (d *Doctor) module(ctx context.Context, a *ariClient, name, module, good, instead string) Finding {
	status, body, err := a.ask(ctx, http.MethodGet, "/asterisk/modules/"+module)
	var m struct{ Status string }
	switch {
	case err == nil && status == http.StatusOK && json.Unmarshal(body, &m) == nil && m.Status == "Running":
		return ok(name, "%s", good)
	case err == nil && (status == http.StatusNotFound || status == http.StatusConflict || status == http.StatusOK):
		fix := "write load = " + module + " into modules.conf and restart Asterisk"
		if instead != "" {
			fix += ", " + instead
		}
		return failed(name, fix, "Asterisk does not run %s", module)
	}
	return warning(name, "look into Asterisk's log", "cannot be told: %d %v", status, err)
}

// code looks whether the PBX's own pickup code is in the dialplan of each phone. ARI
// knows no dialplan, but a channel can be asked for it: one that is made, never dialled and
// deleted. It belongs to the running server's application, whose event filter lets
// nothing of it through that would light a lamp.
func (d *Doctor) code(ctx context.Context, a *ariClient, name string, phones []ariPhone, served bool, say func(Finding)) {
	name += "pickup"
	if !served {
		say(warning(name, "start 'blfbridge serve' with this configuration", "without the server's application the dialplan cannot be asked"))
		return
	}
	const id = "blfbridge-doctor"
	status, body, err := a.ask(ctx, http.MethodPost, "/channels/create?channelId="+id+"&otherChannelId="+id+"-2&app="+url.QueryEscape(a.p.App)+"&endpoint=Local/doctor@default")
	if err != nil || status != http.StatusOK {
		say(warning(name, "load chan_local (core) and res_ari_channels.so in modules.conf", "the dialplan cannot be asked: %d %v %s", status, err, body))
		return
	}
	defer a.ask(context.WithoutCancel(ctx), http.MethodDelete, "/channels/"+id) //nolint:errcheck // it ends by itself too
	var contexts, without []string
	for _, p := range phones {
		if !slices.Contains(contexts, p.context) {
			contexts = append(contexts, p.context)
		}
	}
	number := "1001" // any will do: the code's pattern takes those of the phones
	if i := slices.IndexFunc(phones, func(p ariPhone) bool { return strings.Trim(p.name, "0123456789") == "" }); i >= 0 {
		number = phones[i].name
	}
	for _, c := range contexts {
		question := "DIALPLAN_EXISTS(" + c + "," + a.p.PickupCode + number + ",1)"
		status, body, err := a.ask(ctx, http.MethodGet, "/channels/"+id+"/variable?variable="+url.QueryEscape(question))
		var answer struct{ Value string }
		if err != nil || status != http.StatusOK || json.Unmarshal(body, &answer) != nil || answer.Value == "" {
			say(warning(name, "write load = func_dialplan.so into modules.conf and restart Asterisk", "the dialplan cannot be asked: %d %v", status, err))
			return
		}
		if answer.Value == "0" {
			without = append(without, c)
		}
	}
	if len(without) > 0 {
		say(failed(name, "add what 'blfbridge pbx-config asterisk' prints for extensions.conf, then 'dialplan reload'; or set "+d.key("pbx.pickup")+" to native",
			"there is no %s and number in the context %s", a.p.PickupCode, strings.Join(without, ", ")))
		return
	}
	say(ok(name, "dialplan: %s and number is in the context %s", a.p.PickupCode, strings.Join(contexts, ", ")))
}
