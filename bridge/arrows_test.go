package bridge_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// arrow is a rule on who may import what.
type arrow struct {
	// from and not are prefixes of the importing package.
	from string
	not  []string
	// to is a prefix of what must not be imported, unless it begins with one of but.
	to  string
	but []string
	why string
}

var arrows = []arrow{
	{from: "blfbridge/bridge/device", to: "blfbridge/", why: "device is a leaf: everybody may use its words without taking anything along"},
	{from: "blfbridge/bridge/device", to: "github.com/", why: "device is a leaf: standard library only"},
	{from: "blfbridge/policy", not: []string{"blfbridge/policy/policystore"}, to: "blfbridge/", why: "policy is pure, so that decisions can be tested and explained without a server"},
	{from: "blfbridge/policy/policystore", to: "blfbridge/bridge", why: "the policy's home knows policy and store libraries only"},
	{from: "blfbridge/bridge/eventpkg", to: "blfbridge/bridge/", but: []string{"blfbridge/bridge/device", "blfbridge/bridge/eventpkg"}, why: "encoders are pure: a lamp in, bytes out"},
	{from: "blfbridge/bridge/line", to: "blfbridge/bridge/", but: []string{"blfbridge/bridge/device"}, why: "line is pure"},
	{from: "blfbridge/bridge/subscription", to: "blfbridge/bridge/", why: "the state machine knows no sockets, no store"},
	{from: "blfbridge/adapters", to: "blfbridge/policy", why: "adapters say what devices do, never who may see it"},
	{from: "blfbridge/adapters", to: "blfbridge/bridge/", but: []string{"blfbridge/bridge/device", "blfbridge/bridge/compositor"}, why: "adapters speak to the compositor alone"},
	{from: "blfbridge/adapters", to: "github.com/emiago/sipgo", why: "adapters never see SIP"},
	{from: "blfbridge/", not: []string{"blfbridge/bridge/sipua", "blfbridge/bridge/edge", "blfbridge/bridge/pickup", "blfbridge/bridge/trunk"}, to: "github.com/emiago/sipgo", why: "one place speaks SIP, so that its traps are guarded once"},
	{from: "blfbridge/", not: []string{"blfbridge/bridge/store", "blfbridge/bridge/cluster", "blfbridge/policy/policystore"}, to: "github.com/redis/go-redis", why: "only stores, and what replicas share, talk to Redis"},
	{from: "blfbridge/", not: []string{"blfbridge/bridge/store", "blfbridge/policy/policystore"}, to: "go.etcd.io/bbolt", why: "only stores open the file"},
	{from: "blfbridge/bridge", not: []string{"blfbridge/bridge/demo"}, to: "blfbridge/adapters", why: "the bridge takes any compositor.Source; cmd and the demo choose the adapters"},
}

func under(pkg, prefix string) bool {
	return pkg == prefix || strings.HasPrefix(pkg, strings.TrimSuffix(prefix, "/")+"/")
}

func anyUnder(pkg string, prefixes []string) bool {
	for _, p := range prefixes {
		if under(pkg, p) {
			return true
		}
	}
	return false
}

// testOnly: packages named …test (siptest, storetest) exist for tests and the demo.
func testOnly(pkg string) bool {
	for part := range strings.SplitSeq(pkg, "/") {
		if strings.HasSuffix(part, "test") {
			return true
		}
	}
	return false
}

// TestArrows keeps the direction of imports that ARCHITECTURE.md draws. Tests, and
// packages that exist for them, are exempt.
func TestArrows(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "blfbridge/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	dec, packages := json.NewDecoder(strings.NewReader(string(out))), 0
	for dec.More() {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		packages++
		if testOnly(p.ImportPath) {
			continue
		}
		for _, a := range arrows {
			if !under(p.ImportPath, a.from) || anyUnder(p.ImportPath, a.not) {
				continue
			}
			for _, i := range p.Imports {
				own := strings.HasPrefix(i, "blfbridge/")
				if strings.HasPrefix(i, a.to) && !anyUnder(i, a.but) && !(own && under(i, a.from)) {
					t.Errorf("%s imports %s: %s", p.ImportPath, i, a.why)
				}
			}
		}
	}
	if packages < 15 {
		t.Fatalf("only %d packages were looked at", packages)
	}
}
