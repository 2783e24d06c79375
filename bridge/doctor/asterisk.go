package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"

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
		say(failed(name+"ARI", "mend "+d.key("pbx.url"), "%v", err))
		return
	}
	tls, err := p.TLS.Config()
	if err != nil {
		say(failed(name+"ARI", "mend "+d.key("pbx.tls"), "%v", err))
		return
	}
	scheme := map[string]string{"ws": "http", "wss": "https"}[u.Scheme]
	if scheme == "" {
		scheme = u.Scheme
	}
	t := &http.Transport{TLSClientConfig: tls, DialContext: (&net.Dialer{Timeout: d.Timeout}).DialContext, DisableKeepAlives: true}
	a := &ariClient{d, p, scheme + "://" + u.Host + "/ari", &http.Client{Transport: t}}
	status, body, err := a.ask(ctx, http.MethodGet, "/asterisk/info")
	switch {
	case err != nil:
		say(failed(name+"ARI", "is Asterisk running, http.conf enabled=yes, and bindaddr and bindport those of "+d.key("pbx.url")+"? 'blfbridge pbx-config asterisk' prints the files", "%s does not answer: %v", a.base, err))
		return
	case status == http.StatusUnauthorized:
		say(failed(name+"credentials", "the section ["+p.Username+"] of ari.conf needs type=user and the password of "+d.key("pbx.password"), "ARI refuses user %q", p.Username))
		return
	case status == http.StatusNotFound:
		say(failed(name+"ARI", "set enabled=yes in ari.conf, and load res_ari.so and the other modules that 'blfbridge pbx-config asterisk' prints for modules.conf", "%s has no ARI", a.base))
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
	d.pbxs = append(d.pbxs, a)
	d.rights(ctx, a, name, say)
	served := d.application(ctx, a, name, say)
	phones, err := a.phones(ctx)
	if err != nil {
		say(failed(name+"phones", "look into Asterisk's log", "%v", err))
		return
	}
	d.devices(ctx, a, name, say)
	if d.Config.Edge.Enabled && p.SIP != "" {
		d.edge(ctx, a, name, phones, say)
	}
	switch {
	case p.Pickup == "dialplan":
		d.code(ctx, a, name, phones, served, say)
	case d.Config.Edge.Enabled && p.SIP != "":
		say(d.module(ctx, a, name+"pickup", "res_pjsip_refer.so", "native: INVITE with Replaces is understood; neither hints nor a pickup code are needed", "or set "+d.key("pbx.pickup")+" to dialplan"))
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

// application looks at the running server's own application, and reports whether it is
// there.
func (d *Doctor) application(ctx context.Context, a *ariClient, name string, say func(Finding)) bool {
	status, body, err := a.ask(ctx, http.MethodGet, "/applications/"+url.PathEscape(a.p.App))
	if err != nil || status == http.StatusNotFound {
		say(warning(name+"events", "start 'blfbridge serve' with this configuration", "application %q does not exist: no server is connected", a.p.App))
		return false
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
		return false
	}
	if len(app.Allowed) == 0 {
		say(warning(name+"events", "is another program using the application? give each client one of its own: "+d.key("pbx.app"), "application %q has no event filter: ARI sends five times as much", a.p.App))
		return true
	}
	say(ok(name+"events", "application %q, filter of %d event types", a.p.App, len(app.Allowed)))
	return true
}
