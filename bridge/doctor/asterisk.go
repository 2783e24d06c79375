package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"blfbridge/bridge/config"
)

// ariClient asks one Asterisk.
type ariClient struct {
	d    *Doctor
	p    *config.PBX
	base string
	http *http.Client
}

// ask returns the status, 0 with an error if nothing answered.
func (a *ariClient) ask(ctx context.Context, method, path string) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, a.d.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, nil)
	if err != nil {
		return 0, nil, err
	}
	req.SetBasicAuth(a.p.Username, a.p.Password.Reveal())
	res, err := a.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	body, err = io.ReadAll(io.LimitReader(res.Body, 4<<20))
	return res.StatusCode, body, err
}

// asterisk looks at ARI: there, credentials, rights, locked up, and what the edge needs.
func (d *Doctor) asterisk(ctx context.Context, p *config.PBX, say func(Finding)) {
	name := "pbx " + p.Name + ": "
	u, err := url.Parse(p.URL)
	if err != nil {
		say(failed(name+"ARI", "mend pbx.url", "%v", err))
		return
	}
	tls, err := p.TLS.Config()
	if err != nil {
		say(failed(name+"ARI", "mend pbx.tls", "%v", err))
		return
	}
	scheme := map[string]string{"ws": "http", "wss": "https"}[u.Scheme]
	if scheme == "" {
		scheme = u.Scheme
	}
	t := &http.Transport{TLSClientConfig: tls, DialContext: (&net.Dialer{Timeout: d.Timeout}).DialContext}
	defer t.CloseIdleConnections()
	a := &ariClient{d, p, scheme + "://" + u.Host + "/ari", &http.Client{Transport: t}}
	status, body, err := a.ask(ctx, http.MethodGet, "/asterisk/info")
	switch {
	case err != nil:
		say(failed(name+"ARI", "is Asterisk running, http.conf enabled=yes, and bindaddr and bindport those of pbx.url? 'blfbridge pbx-config asterisk' prints the files", "%s does not answer: %v", a.base, err))
		return
	case status == http.StatusUnauthorized:
		say(failed(name+"credentials", "the section ["+p.Username+"] of ari.conf needs type=user and the password of pbx.password", "ARI refuses user %q", p.Username))
		return
	case status == http.StatusNotFound:
		say(failed(name+"ARI", "set enabled=yes in ari.conf and load res_ari", "%s has no ARI", a.base))
		return
	case status != http.StatusOK:
		say(failed(name+"ARI", "look into Asterisk's log", "GET /asterisk/info: %d", status))
		return
	}
	var info struct {
		System struct {
			Version string `json:"version"`
		} `json:"system"`
	}
	_ = json.Unmarshal(body, &info) // the version is only shown
	say(ok(name+"ARI", "Asterisk %s at %s", info.System.Version, a.base))
	// Asterisk issue 2170: what concerns applications hangs while /asterisk/info answers.
	if status, _, err = a.ask(ctx, http.MethodGet, "/applications"); err != nil || status != http.StatusOK {
		if errors.Is(err, context.DeadlineExceeded) {
			say(failed(name+"ARI lock-up", "restart Asterisk; its issue 2170 locks ARI up when a client leaves at the wrong moment", "/asterisk/info answers and /applications hangs"))
			return
		}
		say(failed(name+"ARI", "look into Asterisk's log", "GET /applications: %d %v", status, err))
		return
	}
	say(ok(name+"ARI lock-up", "none"))
	d.rights(ctx, a, name, say)
	d.application(ctx, a, name, say)
	if d.Config.Edge.Enabled && p.SIP != "" {
		d.path(ctx, a, name, say)
	}
	if p.Pickup == "native" {
		d.module(ctx, a, name, say)
	}
}

// rights: a read_only user may neither subscribe nor set the event filter.
func (d *Doctor) rights(ctx context.Context, a *ariClient, name string, say func(Finding)) {
	status, _, err := a.ask(ctx, http.MethodPost, "/asterisk/variable?variable=BLFBRIDGE_DOCTOR&value=1")
	switch {
	case err == nil && status/100 == 2:
		say(ok(name+"rights", "user %s may write", a.p.Username))
	case err == nil && status == http.StatusForbidden:
		say(failed(name+"rights", "remove read_only=yes from ["+a.p.Username+"] in ari.conf", "user %s may only read", a.p.Username))
	default:
		say(warning(name+"rights", "look into Asterisk's log", "cannot be told: %d %v", status, err))
	}
}

// application looks at the running server's own application.
func (d *Doctor) application(ctx context.Context, a *ariClient, name string, say func(Finding)) {
	status, body, err := a.ask(ctx, http.MethodGet, "/applications/"+url.PathEscape(a.p.App))
	if err != nil || status == http.StatusNotFound {
		say(warning(name+"events", "start 'blfbridge serve' with this configuration", "application %q does not exist: no server is connected", a.p.App))
		return
	}
	var app struct {
		Allowed []struct {
			Type string `json:"type"`
		} `json:"events_allowed"`
		Devices []string `json:"device_names"`
		Channel []string `json:"channel_ids"`
	}
	if err := json.Unmarshal(body, &app); err != nil || status != http.StatusOK {
		say(warning(name+"events", "look into Asterisk's log", "cannot be told: %d %v", status, err))
		return
	}
	if len(app.Allowed) == 0 {
		say(warning(name+"events", "is another program using the application? give each client a pbx.app of its own", "application %q has no event filter: ARI sends five times as much", a.p.App))
		return
	}
	say(ok(name+"events", "application %q, filter of %d event types", a.p.App, len(app.Allowed)))
}

// path looks whether phones behind the edge can be called back.
func (d *Doctor) path(ctx context.Context, a *ariClient, name string, say func(Finding)) {
	status, body, err := a.ask(ctx, http.MethodGet, "/endpoints/PJSIP")
	var list []struct {
		Resource string `json:"resource"`
	}
	if err != nil || status != http.StatusOK || json.Unmarshal(body, &list) != nil || len(list) == 0 {
		say(warning(name+"Path", "configure phones in pjsip.conf", "no PJSIP endpoint to look at"))
		return
	}
	var without []string
	seen := 0
	for _, e := range list[:min(len(list), 50)] {
		status, body, err = a.ask(ctx, http.MethodGet, "/asterisk/config/dynamic/res_pjsip/aor/"+url.PathEscape(e.Resource))
		var tuples []struct{ Attribute, Value string }
		if err != nil || status != http.StatusOK || json.Unmarshal(body, &tuples) != nil {
			continue // its aor has another name
		}
		seen++
		for _, t := range tuples {
			if t.Attribute == "support_path" && t.Value != "true" && t.Value != "yes" {
				without = append(without, e.Resource)
			}
		}
	}
	switch {
	case len(without) > 0:
		say(failed(name+"Path", "add support_path=yes to their sections of type=aor in pjsip.conf, then 'pjsip reload'", "calls do not reach %s behind the edge", strings.Join(without, ", ")))
	case seen == 0:
		say(warning(name+"Path", "see that every aor of a phone has support_path=yes", "no aor has the name of its endpoint, so none was looked at"))
	default:
		say(ok(name+"Path", "support_path is on for %d phones", seen))
	}
}

// module looks whether Asterisk understands Replaces.
func (d *Doctor) module(ctx context.Context, a *ariClient, name string, say func(Finding)) {
	status, body, err := a.ask(ctx, http.MethodGet, "/asterisk/modules/res_pjsip_refer.so")
	switch {
	case err == nil && status == http.StatusOK && strings.Contains(string(body), "Running") && !strings.Contains(string(body), "Not Running"):
		say(ok(name+"pickup", "native: res_pjsip_refer.so is loaded; hints and a pickup code are not needed"))
	case err == nil && (status == http.StatusNotFound || status == http.StatusOK):
		say(failed(name+"pickup", "load res_pjsip_refer.so in modules.conf, or set pickup: dialplan", "Asterisk does not understand Replaces"))
	default:
		say(warning(name+"pickup", "look into Asterisk's log", "cannot be told: %d %v", status, err))
	}
}
