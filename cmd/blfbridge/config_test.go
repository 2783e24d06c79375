package main

import (
	"strings"
	"testing"

	"blfbridge/bridge/config"
)

const goodConfig = `sip: {listen: ["udp://127.0.0.1:5060"]}
pbx:
  - {name: ast, type: asterisk, url: "http://127.0.0.1:8088", username: blf, password: secret-of-ari}
  - {name: fs, type: freeswitch, address: 127.0.0.1, password: ClueCon}
store: {type: redis, url: "redis://user:secret-of-redis@127.0.0.1:6379"}
`

func TestConfigCheck(t *testing.T) {
	s := newShell(t)
	s.file("good.yaml", goodConfig)
	out := s.ok("config", "check", "good.yaml")
	s.says(out, "good.yaml is fine", "ast (asterisk), fs (freeswitch)", "udp://127.0.0.1:5060", "store redis 127.0.0.1:6379", "127.0.0.1:8080")
	if strings.Contains(out, "secret") {
		t.Errorf("it tells a secret: %s", out)
	}
	if got := s.ok("config", "check", "--config", "good.yaml"); got != out {
		t.Errorf("--config: %s", got)
	}
	env := newShell(t, configEnv+"=good.yaml")
	env.file("good.yaml", goodConfig)
	if got := env.ok("config", "check"); got != out {
		t.Errorf("%s: %s", configEnv, got)
	}
}

func TestConfigCheckFails(t *testing.T) {
	s := newShell(t)
	s.file("policy.yaml", "tenants:\n  - name: a\n    lines: [{number: 1, class: x}]\n")
	for name, c := range map[string]struct {
		text  string
		words []string
	}{
		"all problems": {
			"sip:\n  nat: sauce\nstore:\n  type: blot\nnonsense: 1\n",
			[]string{`f.yaml:2: sip.nat: unknown value "sauce"; did you mean "source"?`, "f.yaml:4: store.type", "f.yaml:5: nonsense: unknown key", "pbx: is empty"},
		},
		"no YAML":     {"a: [", []string{"f.yaml", "is not YAML"}},
		"environment": {strings.Replace(goodConfig, "secret-of-ari", `"${ARI_PASSWORD}"`, 1), []string{"f.yaml:3: pbx[0].password: environment variable ARI_PASSWORD is not set"}},
		"adapter":     {strings.Replace(goodConfig, "password: secret-of-ari", "password: x, devices: [nonsense]", 1), []string{"pbx[0]", "nonsense"}},
		"tls of FreeSWITCH": {
			strings.Replace(goodConfig, "password: ClueCon", "password: x, tls: {insecure_skip_verify: true}", 1), []string{"pbx[1]: tls", "no TLS"},
		},
		"certificate": {goodConfig + "admin: {tls: {cert_file: none.pem, key_file: none.key}}\n", []string{"admin.tls", "none.pem"}},
		"policy":      {goodConfig + "policy: {file: policy.yaml}\n", []string{`policy.yaml:3: tenants[0].lines[0].class: no line class "x"`}},
		"no policy":   {goodConfig + "policy: {file: none.yaml}\n", []string{"policy.file", "none.yaml"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &shell{T: t, dir: s.dir, env: s.env}
			s.file("f.yaml", c.text)
			s.fails(exitFailure, c.words, "config", "check", "f.yaml")
		})
	}
	s.fails(exitFailure, []string{"nowhere.yaml", "no such file"}, "config", "check", "nowhere.yaml")
}

// TestConfigDefaults: what is printed is a configuration that works.
func TestConfigDefaults(t *testing.T) {
	s := newShell(t, "ARI_PASSWORD=secret")
	s.file("blfbridge.yaml", s.ok("config", "defaults"))
	s.says(s.ok("config", "check", "blfbridge.yaml"), "is fine: pbx (asterisk)")
	if got := s.ok("config", "doc"); got != config.Reference() {
		t.Errorf("not the reference:\n%s", got)
	}
}
