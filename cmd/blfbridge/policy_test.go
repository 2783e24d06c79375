package main

import (
	"fmt"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"blfbridge/bridge/admin/admintest"
	"blfbridge/bridge/config"
	"blfbridge/bridge/store/storetest"
	"blfbridge/policy"
)

const board = `tenants:
  - name: shop
    presence_groups: [{name: Board}]
    lines: [{number: 101}, {number: 102, presence_group: Board}]
    phones: [{name: SEP1, lines: [201], blf_buttons: [{number: 102}]}]
`

func TestPolicyThroughServer(t *testing.T) {
	r := admintest.Start(t, nil)
	s := newShell(t, tokenEnv+"="+admintest.Token)
	s.file("policy.yaml", board)
	url := []string{"--url", r.URL}
	with := func(args ...string) []string { return append(args, url...) }
	s.says(s.ok(with("policy", "import", "policy.yaml", "--dry-run")...), "policy.yaml could be imported: 1 tenant, 2 lines, 1 phone, 0 end users; revision 0 stays")
	s.says(s.ok(with("policy", "import", "policy.yaml", "--if-revision", "0")...), "policy.yaml is revision 1, in force at "+r.URL+": 1 tenant, 2 lines, 1 phone")
	exported := s.ok(with("policy", "export")...)
	s.says(exported, "# blfbridge policy, revision 1, from "+r.URL+"\n", "presence_group: Board")
	s.fails(exitFailure, []string{"revision 1, not 0", "Nothing was changed", "Export the policy again"}, with("policy", "import", "policy.yaml", "--if-revision", "0")...)

	s.file("again.yaml", exported)
	s.says(s.ok(with("policy", "import", "again.yaml", "--if-revision", "1")...), "is revision 2")
	if out := s.ok(with("policy", "export", "-o", "out.yaml")...); out != "" {
		t.Errorf("%s", out)
	}
	if got, want := s.read("out.yaml"), strings.Replace(exported, "revision 1,", "revision 2,", 1); got != want {
		t.Errorf("export, import, export:\n%s\nwant\n%s", got, want)
	}
	in := s.runWith("max_subscriptions: 5\n", with("policy", "import", "-")...)
	if in.code != exitOK || !strings.Contains(in.out, "- is revision 3") || !strings.Contains(in.out, "CME would not take: max_subscriptions 5 (100 and up)\n") {
		t.Errorf("standard input: %+v", in)
	}
	if out := s.ok(with("policy", "import", "policy.yaml")...); strings.Contains(out, "CME") {
		t.Errorf("%s", out)
	}
}

// TestPolicyDoc: it needs neither server nor configuration.
func TestPolicyDoc(t *testing.T) {
	if got := newShell(t).ok("policy", "doc"); got != policy.Reference() {
		t.Errorf("%s", got)
	}
}

func TestPolicyImportFails(t *testing.T) {
	r := admintest.Start(t, nil)
	s := newShell(t)
	s.file("bad.yaml", "tenants:\n  - name: a\n    lines:\n      - {number: 1, class: x}\n    nonsense: 1\n")
	s.file("good.yaml", board)
	s.fails(exitFailure, []string{`bad.yaml:4: tenants[0].lines[0].class: no line class "x"`, `bad.yaml:5: tenants[0].nonsense: unknown key "nonsense"`},
		"policy", "import", "bad.yaml", "--url", r.URL)
	s.fails(exitFailure, []string{"none.yaml", "no such file"}, "policy", "import", "none.yaml", "--url", r.URL)
	s.fails(exitFailure, []string{"needs the token", "--token", tokenEnv}, "policy", "import", "good.yaml", "--url", r.URL)
	s.fails(exitFailure, []string{"not the one of admin.token"}, "policy", "import", "good.yaml", "--url", r.URL, "--token", "wrong-wrong")
	s.fails(exitFailure, []string{"not the URL of an admin API"}, "policy", "import", "good.yaml", "--url", "127.0.0.1:8080")
	s.fails(exitFailure, []string{"does not answer", "--url", "--config"}, "policy", "import", "good.yaml", "--url", "http://127.0.0.1:1")
	s.fails(exitFailure, []string{"--ca-file", "none.pem"}, "policy", "export", "--url", r.URL, "--ca-file", "none.pem")
	s.says(s.ok("policy", "export", "--url", r.URL), "revision 0")
}

// TestPolicyTokenOfConfig: on the server's host its configuration is enough.
func TestPolicyTokenOfConfig(t *testing.T) {
	r := admintest.Start(t, nil)
	s := newShell(t)
	s.file("blf.yaml", goodConfig+fmt.Sprintf("admin: {listen: %q, token: %s}\n", strings.TrimPrefix(r.URL, "http://"), admintest.Token))
	s.file("policy.yaml", board)
	s.says(s.ok("policy", "import", "policy.yaml", "--config", "blf.yaml"), "revision 1, in force at "+r.URL)
	env := &shell{T: t, dir: s.dir, env: append(s.env, configEnv+"=blf.yaml")}
	env.says(env.ok("policy", "export"), "revision 1")
}

// boltConfig is a configuration whose server does not run.
const boltConfig = `pbx: [{name: ast, type: asterisk, url: "http://127.0.0.1:8088", username: blf, password: x}]
store: {path: blf.db}
admin: {listen: "127.0.0.1:1"}
`

// TestPolicyWithoutServer: the store itself is read and written.
func TestPolicyWithoutServer(t *testing.T) {
	_, redis := storetest.StartRedis(t)
	for name, text := range map[string]string{
		"bolt":     boltConfig,
		"redis":    strings.Replace(boltConfig, "{path: blf.db}", fmt.Sprintf("{type: redis, url: %q}", redis.URL()), 1),
		"no admin": strings.Replace(boltConfig, `"127.0.0.1:1"`, `""`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			s := newShell(t)
			s.file("blf.yaml", text)
			s.file("policy.yaml", board)
			s.says(s.ok("policy", "export", "--config", "blf.yaml"), "revision 0", "{}")
			s.says(s.ok("policy", "import", "policy.yaml", "--config", "blf.yaml", "--dry-run"), "1 tenant, 2 lines, 1 phone, 0 end users; revision 0 stays")
			s.fails(exitFailure, []string{"revision 0, not 4"}, "policy", "import", "policy.yaml", "--config", "blf.yaml", "--dry-run", "--if-revision", "4")
			s.says(s.ok("policy", "import", "policy.yaml", "--config", "blf.yaml"), "policy.yaml is revision 1, in the store; no server runs: 1 tenant")
			s.fails(exitFailure, []string{"revision 1, not 0"}, "policy", "import", "policy.yaml", "--config", "blf.yaml", "--if-revision", "0")
			s.says(s.ok("policy", "export", "--config", "blf.yaml"), "revision 1", "presence_group: Board")
			// Another server that was asked for by name is never replaced by the store.
			s.fails(exitFailure, []string{"does not answer"}, "policy", "export", "--config", "blf.yaml", "--url", "http://127.0.0.1:2")
		})
	}
}

// TestLookingMakesNoStore: export and explain leave no file behind.
func TestLookingMakesNoStore(t *testing.T) {
	s := newShell(t)
	s.file("blf.yaml", boltConfig)
	s.ok("policy", "export", "--config", "blf.yaml")
	s.ok("explain", "1", "2", "--config", "blf.yaml")
	if _, err := bolt.Open(s.dir+"/blf.db", 0o600, &bolt.Options{ReadOnly: true}); err == nil {
		t.Error("the store was made by looking")
	}
}

// TestStoreInUse: a store that another process holds is not waited for long, and the
// answer says what to do.
func TestStoreInUse(t *testing.T) {
	s := newShell(t)
	s.file("blf.yaml", boltConfig)
	s.file("policy.yaml", board)
	db, err := bolt.Open(s.dir+"/blf.db", 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, args := range [][]string{{"policy", "import", "policy.yaml"}, {"policy", "export"}, {"explain", "1", "2"}} {
		s.fails(exitFailure, []string{"blf.db is in use by process", "--url and --token"}, append(args, "--config", "blf.yaml")...)
	}
}

func TestPolicyFile(t *testing.T) {
	s := newShell(t)
	s.file("policy.yaml", board)
	s.file("blf.yaml", boltConfig+"policy: {file: policy.yaml}\n")
	s.fails(exitFailure, []string{"policy.yaml (policy.file)", "change that"}, "policy", "import", "policy.yaml", "--config", "blf.yaml")
	s.says(s.ok("policy", "export", "--config", "blf.yaml"), "from policy.yaml", "presence_group: Board")
	r := admintest.Start(t, func(c *config.Config) { c.Policy.File = "/etc/p.yaml" })
	s.fails(exitFailure, []string{"/etc/p.yaml", "policy.file"}, "policy", "import", "policy.yaml", "--url", r.URL, "--token", admintest.Token)
}
