package config

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

const onePBX = `
pbx:
  - name: pbx
    type: asterisk
    url: http://127.0.0.1:8088
    username: blf
    password: blf-secret
`

func mustParse(t *testing.T, text string, env map[string]string) *Config {
	t.Helper()
	c, err := Parse([]byte(text), lookup(env))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return c
}

func lookup(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
}

func TestOnePBXIsEnough(t *testing.T) {
	got := mustParse(t, onePBX, nil)
	want := Defaults()
	p := DefaultPBX()
	p.Name, p.Type, p.URL, p.Username, p.Password = "pbx", "asterisk", "http://127.0.0.1:8088", "blf", "blf-secret"
	want.PBX = []PBX{p}
	got.source = nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestEveryType(t *testing.T) {
	c := mustParse(t, `
sip:
  listen: udp://192.0.2.1:5060, tcp://192.0.2.1:5061
  min_expires: 90
  max_expires: 1h30m
  max_subscriptions: 1_000_000
  notify: {min_interval: 250ms}
store:
  type: redis
  url:
    - redis://a:6379
    - redis://b:6379
  master: blf
admin:
  listen: ""
log: {sip_trace: yes}
pbx:
- name: fs
  type: freeswitch
  address: 127.0.0.1
  password: 0123
  devices: [ "park:5701@pbx.test" ]
  profiles:
  dialogs: off
`, nil)
	for _, check := range []struct{ got, want any }{
		{c.SIP.Listen, []string{"udp://192.0.2.1:5060", "tcp://192.0.2.1:5061"}},
		{c.SIP.MinExpires, 90 * time.Second},
		{c.SIP.MaxExpires, 90 * time.Minute},
		{c.SIP.MaxSubscriptions, 1_000_000},
		{c.SIP.Notify.MinInterval, 250 * time.Millisecond},
		{c.SIP.Notify.Retries, 3},
		{Reveal(c.Store.URL), []string{"redis://a:6379", "redis://b:6379"}},
		{c.Admin.Listen, ""},
		{c.Log.SIPTrace, true},
		{c.PBX[0].Password.Reveal(), "0123"}, // as written: not the number 123, nor octal
		{c.PBX[0].Devices, []string{"park:5701@pbx.test"}},
		{c.PBX[0].Profiles, []string(nil)},
		{c.PBX[0].Dialogs, false},
		{c.PBX[0].Grace, 10 * time.Second},
	} {
		if !reflect.DeepEqual(check.got, check.want) {
			t.Errorf("got %#v, want %#v", check.got, check.want)
		}
	}
}

func TestEnvironment(t *testing.T) {
	env := map[string]string{"PW": "p@ss: {x}", "PORT": "5070", "EMPTY": "", "SOCKETS": "udp://192.0.2.1:1, tcp://192.0.2.1:2"}
	c := mustParse(t, `
sip:
  listen: ${SOCKETS}
  realm: ${REALM:-pbx.example}
  advertise: ${HOST:-192.0.2.9}:${PORT}
  max_subscriptions: ${MAX:-7}
store: {prefix: "${EMPTY:-blf2}"}
admin: {token: 'a$${PW}bcdefg'}
pbx:
- name: a
  type: asterisk
  url: http://h:8088
  username: u
  password: ${PW}
`, env)
	for _, check := range []struct{ got, want any }{
		{c.SIP.Listen, []string{"udp://192.0.2.1:1", "tcp://192.0.2.1:2"}},
		{c.SIP.Realm, "pbx.example"},
		{c.SIP.Advertise, "192.0.2.9:5070"},
		{c.SIP.MaxSubscriptions, 7},
		{c.Store.Prefix, "blf2"},
		{c.Admin.Token.Reveal(), "a${PW}bcdefg"},
		{c.PBX[0].Password.Reveal(), "p@ss: {x}"},
	} {
		if !reflect.DeepEqual(check.got, check.want) {
			t.Errorf("got %#v, want %#v", check.got, check.want)
		}
	}
}

func TestSecretFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	base := strings.Replace(onePBX, "password: blf-secret", "password_file: %s", 1)
	c := mustParse(t, fmt.Sprintf(base, write("pw", " from file \r\n")), nil)
	if got := c.PBX[0].Password.Reveal(); got != " from file " {
		t.Errorf("password %q", got)
	}
	c = mustParse(t, fmt.Sprintf(base, "${DIR}/pw"), map[string]string{"DIR": dir})
	if got := c.PBX[0].Password.Reveal(); got != " from file " {
		t.Errorf("password %q", got)
	}
	for file, want := range map[string]string{
		filepath.Join(dir, "none"): "no such file",
		dir:                        "is not a plain file",
		"/dev/zero":                "is not a plain file",
		write("empty", "\n"):       "is empty",
		write("big", strings.Repeat("x", maxSecret+1)):      "a secret has at most",
		write("both", "x") + "\n    password: blf-secret\n": "pbx[0].password is set too",
	} {
		_, err := Parse(fmt.Appendf(nil, base, file), nil)
		var problems Problems
		if !errors.As(err, &problems) || len(problems) != 1 || problems[0].Path != "pbx[0].password_file" ||
			problems[0].Line != 7 || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want one problem that says %q", file, err, want)
		}
	}
}

func TestSecretsAreHidden(t *testing.T) {
	c := mustParse(t, onePBX+"store: {type: redis, url: 'redis://u:blf-secret@h'}\nadmin: {token: blf-secret}\n", nil)
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", c, "one", c.Admin.Token)
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%+v %#v", *c, *c), log.String()} {
		if strings.Contains(text, "blf-secret") {
			t.Errorf("shows a secret: %s", text)
		}
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "blf.yaml")
	if err := os.WriteFile(path, []byte(onePBX+"log: {level: ${BLF_TEST_LEVEL}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.HasPrefix(err.Error(), path+":") {
		t.Errorf("the error does not name the file: %v", err)
	}
	if err := os.WriteFile(path, []byte(onePBX+"log: {level: '${BLF_TEST_LEVEL}'}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), path+":8: log.level: environment variable BLF_TEST_LEVEL is not set") {
		t.Errorf("got %v", err)
	}
	t.Setenv("BLF_TEST_LEVEL", "debug")
	c, err := Load(path)
	if err != nil || c.Log.Level != "debug" {
		t.Errorf("got %v %v", c, err)
	}
	c.SIP.NAT = "sometimes"
	c.PBX[0].URL = ""
	want := path + ":5: pbx[0].url: is missing; write http://127.0.0.1:8088\n"
	if err := c.Validate(); err == nil || !strings.Contains(err.Error()+"\n", want) || !strings.Contains(err.Error(), "sip.nat") {
		t.Errorf("Validate: %v, want %s", err, want)
	}
	if _, err := Load(path + ".none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestSplitListen(t *testing.T) {
	for in, want := range map[string]string{
		"udp://0.0.0.0:5062": "udp 0.0.0.0:5062", "tcp://[::]:5060": "tcp [::]:5060",
		"tcp://::1": "tcp [::1]:5060", "udp://192.0.2.1": "udp 192.0.2.1:5060",
	} {
		transport, addr, err := SplitListen(in)
		if got := transport + " " + addr; got != want || err != nil {
			t.Errorf("%s: %s, %v, want %s", in, got, err, want)
		}
	}
}

// TestLoadForClient: commands run without the server's environment.
func TestLoadForClient(t *testing.T) {
	path := filepath.Join(t.TempDir(), "blf.yaml")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("admin: {listen: '127.0.0.1:9999'}\npbx:\n- {name: a, type: asterisk, url: 'http://h', username: u, password: '${BLFBRIDGE_NOT_SET}'}\n")
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "BLFBRIDGE_NOT_SET is not set") {
		t.Errorf("Load: %v", err)
	}
	if c, err := LoadForClient(path); err != nil || c.Admin.Listen != "127.0.0.1:9999" {
		t.Errorf("LoadForClient: %v", err)
	}
	write("admin: {listen: nonsense}\n")
	if _, err := LoadForClient(path); err == nil || !strings.Contains(err.Error(), "admin.listen") || strings.Contains(err.Error(), "pbx") {
		t.Errorf("what concerns the command: %v", err)
	}
}
