//go:build live

package bridge_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"blfbridge/bridge/siptest"
)

// readmeLogin is the dialplan of README by which FreeSWITCH logs in and out.
var readmeLogin = regexp.MustCompile("(?s)FreeSWITCH \\(`mod_curl`\\).*?```xml\n(.*?)```")

// TestLivePasteLogin: phones that call FreeSWITCH directly log in and out by what README
// gives for its dialplan; nobody does so for another's phone.
func TestLivePasteLogin(t *testing.T) {
	b := newBareSwitch(t, switchProgram(t))
	at := b.front()
	s := newServer(t, setup{store: newStorage(t, "bolt"), pbx: at.yaml, policy: strings.Replace(hotdesk, "name: default", "name: default\n    domains: [office.test]", 1), more: edgeYAML})
	text, err := s.command("pbx-config", "freeswitch")
	if err != nil {
		t.Fatal(err)
	}
	b.paste(text, "")
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	m := readmeLogin.FindSubmatch(readme)
	if m == nil {
		t.Fatal("README has no such dialplan")
	}
	const plan, modules = "dialplan/default.xml", "autoload_configs/modules.conf.xml"
	login := strings.NewReplacer("127.0.0.1:8080", s.admin, "TOKEN", adminToken).Replace(string(m[1]))
	b.write(plan, strings.Replace(b.read(plan), "<context name=\"office\">\n", "<context name=\"office\">\n"+login, 1))
	b.write(modules, strings.Replace(b.read(modules), "<modules>\n", "<modules>\n<load module=\"mod_curl\"/>\n", 1))
	b.start()
	s.start()
	lobby, other := at.phone(t, b.sip, "1006", nil), at.phone(t, b.sip, "1004", nil)
	// Says that it is the lobby, and proves to be another.
	liar, err := siptest.NewPhone(siptest.Config{User: "1006", AuthUser: "1004", Password: "pw1004", Proxy: b.sip, Domain: at.domain})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(liar.Close)
	for _, c := range []struct {
		phone  *siptest.Phone
		code   string
		status int
		then   string
	}{
		{lobby, "*562001*0815", 200, `"phone":"LOBBY","user_id":"ann"`},
		{other, "*57", 403, `"phone":"LOBBY"`},
		{liar, "*57", 403, `"phone":"LOBBY"`},
		{lobby, "*57", 200, `"total":0`},
		{other, "*56ann*0815", 403, `"total":0`}, // no extension mobility
		{liar, "*56ann*0815", 403, `"total":0`},
		{other, "*56ann*0815&phone=1006", 404, `"total":0`}, // reaches nothing
		{lobby, "*56ann*0816", 403, `"total":0`},
	} {
		if got := dials(t, c.phone, c.code); got != c.status {
			t.Errorf("%s dials %s: %d, want %d", c.phone.User(), c.code, got, c.status)
		}
		if _, body := s.get("/api/v1/logins"); !strings.Contains(body, c.then) {
			t.Errorf("after %s by %s: %s, want %s", c.code, c.phone.User(), body, c.then)
		}
	}
}
