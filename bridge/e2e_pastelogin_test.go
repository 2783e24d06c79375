//go:build pbx

package bridge_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"blfbridge/bridge/siptest"
)

var readmeAsteriskLogin = regexp.MustCompile("(?s)Asterisk \\(`res_curl`.*?```ini\n(.*?)```")

// TestPasteLogin: phones that call Asterisk directly log in and out by what README gives for
// its dialplan; nobody does so for another's phone.
func TestPasteLogin(t *testing.T) {
	t.Parallel()
	b := newBare(t)
	s := newServer(t, setup{store: newStorage(t, "bolt"), pbx: b.yaml(), policy: hotdesk, more: edgeYAML})
	text, err := s.command("pbx-config", "asterisk")
	if err != nil {
		t.Fatal(err)
	}
	b.paste(text)
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	m := readmeAsteriskLogin.FindSubmatch(readme)
	if m == nil {
		t.Fatal("README has no such dialplan")
	}
	plan := splitSections(b.read("extensions.conf"))
	login := splitSections(strings.NewReplacer("127.0.0.1:8080", s.admin, "TOKEN", adminToken).Replace(string(m[1])))
	plan.add("office", "[office]", login[0].body)
	plan.add(login[1].name, login[1].head, login[1].body)
	var out strings.Builder
	for _, x := range plan {
		out.WriteString(x.head + x.body)
	}
	b.write("extensions.conf", out.String())
	b.write("modules.conf", b.read("modules.conf")+"load = res_curl.so\nload = func_curl.so\nload = func_uri.so\n")
	// It shows another's number to whom it calls.
	const own = "callerid = \"Dan Four\" <1004>"
	if !strings.Contains(b.read("pjsip.conf"), own) {
		t.Fatalf("pjsip.conf has no %q", own)
	}
	b.write("pjsip.conf", strings.Replace(b.read("pjsip.conf"), own, `callerid = "Dan Four" <1006>`, 1))
	b.start(t)
	s.start()
	lobby, other := b.phones(t, "1006")[0], b.phones(t, "1004")[0]
	for _, c := range []struct {
		phone      *siptest.Phone
		code, then string
	}{
		{lobby, "*562001*0815", `"phone":"LOBBY","user_id":"ann"`},
		{other, "*57", `"phone":"LOBBY"`},
		{lobby, "*57", `"total":0`},
		{other, "*562001*0815", `"total":0`},            // no extension mobility
		{lobby, "*562001*0816", `"total":0`},            // another PIN
		{other, "*562001*0815&phone=1006", `"total":0`}, // reaches nothing
		{lobby, "*562001*0815", `"phone":"LOBBY","user_id":"ann"`},
	} {
		dials(t, c.phone, c.code)
		if _, body := s.get("/api/v1/logins"); !strings.Contains(body, c.then) {
			t.Errorf("after %s by %s: %s, want %s", c.code, c.phone.User(), body, c.then)
		}
	}
}
