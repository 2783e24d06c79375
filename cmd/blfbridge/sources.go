package main

import (
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"blfbridge/adapters/ari"
	"blfbridge/adapters/esl"
	"blfbridge/bridge/compositor"
	"blfbridge/bridge/config"
)

// newSource makes the source of one PBX. Grace and tenant are the compositor's matter.
func newSource(p config.PBX, log *slog.Logger, r prometheus.Registerer) (compositor.Source, error) {
	tls, err := p.TLS.Config()
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	switch p.Type {
	case "asterisk":
		return ari.New(ari.Config{
			Name: p.Name, URL: p.URL, Username: p.Username, Password: p.Password.Reveal(), App: p.App, TLS: tls,
			Devices: p.Devices, DNDPrefix: p.DNDPrefix, NoDialogs: !p.Dialogs, Reconcile: p.Reconcile,
			Logger: log, Registerer: r,
		})
	case "freeswitch":
		if tls != nil {
			return nil, fmt.Errorf("tls: FreeSWITCH's event socket has no TLS; leave it out, and use a tunnel if the network is not yours")
		}
		return esl.New(esl.Config{
			Name: p.Name, Address: p.Address, User: p.Username, Password: p.Password.Reveal(),
			Profiles: p.Profiles, Domains: p.Domains, Devices: p.Devices, Reconcile: p.Reconcile,
			Logger: log, Registerer: r,
		})
	}
	return nil, fmt.Errorf("type: %q is neither asterisk nor freeswitch", p.Type)
}

// describeStore names a store without its passwords.
func describeStore(s *config.Store) string {
	if s.Type != "redis" {
		return "bolt " + s.Path
	}
	var hosts []string
	for _, raw := range s.URL {
		if u, err := url.Parse(raw.Reveal()); err == nil {
			hosts = append(hosts, u.Host+u.Path)
		}
	}
	text := "redis " + strings.Join(hosts, ", ")
	switch {
	case s.Master != "":
		text += " (Sentinel, master " + s.Master + ")"
	case s.Cluster || len(s.URL) > 1:
		text += " (Cluster)"
	}
	return text
}
