package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"

	"blfbridge/bridge/siptest/lab"
	"blfbridge/bridge/siptest/scenario"
)

// startLab starts the Asterisk of scripts/pbx and fills the options in.
func (o *options) startLab(ctx context.Context) (stop func(), err error) {
	a, err := lab.Fresh("", "live")
	if err != nil {
		return nil, err
	}
	addr, err := a.Up(ctx)
	if err != nil {
		return nil, err
	}
	o.asterisk, o.ariUser, o.ariPassword = addr.ARI, lab.ARIUser, lab.ARIPassword
	o.sip = addr.SIP
	if o.users == "" {
		o.users = "1001:pw1001,1002:pw1002,1003:pw1003,1006:pw1006,1004:pw1004"
	}
	return func() {
		if err := a.Remove(context.WithoutCancel(ctx)); err != nil {
			fmt.Println("test-live: the lab's Asterisk is not removed:", err)
		}
	}, nil
}

// scenarioConfig turns the options into what the runner needs.
func (o *options) scenarioConfig() (scenario.Config, error) {
	pbx := scenario.PBX{Name: "asterisk", SIP: o.sip, Domain: o.domain, TCP: o.tcp}
	host := ""
	if o.freeswitch != "" {
		pbx.Name = "freeswitch"
		host, _, _ = net.SplitHostPort(o.freeswitch)
	} else if u, err := url.Parse(o.asterisk); err == nil {
		host = u.Hostname()
	}
	if pbx.SIP == "" {
		pbx.SIP = net.JoinHostPort(host, "5060")
	}
	sipHost, _, err := net.SplitHostPort(pbx.SIP)
	if err != nil {
		return scenario.Config{}, fmt.Errorf("--sip: %w", err)
	}
	pbx.Domain = cmp.Or(pbx.Domain, sipHost)
	users := strings.Split(o.users, ",")
	want := len(pbx.Users)
	if o.throughEdge() {
		want++
	}
	if len(users) < want {
		return scenario.Config{}, fmt.Errorf("--users: %d number:password are needed, got %d; --edge=false does with one less", want, len(users))
	}
	for i, u := range users[:len(pbx.Users)] {
		if pbx.Users[i], err = user(u); err != nil {
			return scenario.Config{}, fmt.Errorf("--users: %w", err)
		}
	}
	for code := range strings.SplitSeq(o.codes, ",") {
		switch k, v, _ := strings.Cut(code, "="); k {
		case "":
		case "pickup":
			pbx.Codes.Pickup = v
		case "dnd-on":
			pbx.Codes.DNDOn = v
		case "dnd-off":
			pbx.Codes.DNDOff = v
		default:
			return scenario.Config{}, fmt.Errorf("--codes: %q is not pickup=, dnd-on= or dnd-off=", code)
		}
	}
	cfg := scenario.Config{PBX: pbx, Bridge: o.bridge, Domain: o.domain}
	if o.watcher != "" {
		if cfg.Watcher, err = user(o.watcher); err != nil {
			return cfg, fmt.Errorf("--watcher: %w", err)
		}
	}
	if o.schemas != "" {
		cfg.Schemas = map[string]string{
			"application/dialog-info+xml": filepath.Join(o.schemas, "dialog-info.xsd"),
			"application/pidf+xml":        filepath.Join(o.schemas, "presence.xsd"),
		}
	}
	return cfg, nil
}

func user(s string) (scenario.User, error) {
	number, password, ok := strings.Cut(s, ":")
	if !ok || number == "" {
		return scenario.User{}, errors.New("want number:password, got " + fmt.Sprintf("%q", s))
	}
	return scenario.User{Number: number, Password: password}, nil
}
