package show_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/admin"
	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/admin/show"
	"blfbridge/policy"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s (go test -update rewrites it):\n%s\nwant:\n%s", path, got, want)
	}
}

func list() *api.SubscriptionList {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := api.Subscription{
		ID: "1k9zq3x7a2b4c", Created: at, Expires: at.Add(time.Hour), ExpiresIn: 3600, Lamp: "idle", Line: "idle", View: "number", Pickup: true,
		Event: "dialog", Content: "dialog-info", Dialect: "yealink", Status: "active", Version: 3, CSeq: 4, Durable: true, CallID: "0_1@10.4.171.60",
		Watcher: api.Watcher{Tenant: "default", Kind: "phone", ID: "SEP001", URI: "sip:6002@10.4.171.34", Transport: "UDP",
			Address: "10.4.171.60:5060", Local: "10.4.171.34:5060", UserAgent: "Yealink SIP-T46U"},
		Presentity: api.Presentity{Tenant: "default", Number: "6005", Mode: "line", Name: "Ada", URI: "sip:6005@10.4.171.34;user=phone"},
	}
	masked := s
	masked.ID, masked.Lamp, masked.Line, masked.View, masked.Pickup, masked.ExpiresIn = "2b", "idle", "ringing", "state", false, 59
	masked.Watcher = api.Watcher{Kind: "unknown", ID: "sip:101@[2001:db8::7]", Transport: "TCP", Address: "[2001:db8::7]:5060"}
	masked.Presentity = api.Presentity{Tenant: "shop.example", Partition: "Private", Number: "park:701@parkedcalls", Mode: "device"}
	masked.Event, masked.EventID, masked.FlowLost, masked.Durable, masked.Failures, masked.Waiting = "presence", "7", true, false, 2, true
	app := s
	app.ID, app.Watcher = "3c", api.Watcher{Tenant: "default", Kind: "application_user", ID: "meeting", Trunk: "CONF", DigestUser: "meet",
		URI: "sip:server@conf.example", Transport: "TCP", Address: "10.4.171.99:5060"}
	call := s
	call.ID, call.Watcher.Number = "4d", "6003"
	call.Sibling = "lhz3kq7vd2c5wnyt4mgb6xuaoe"
	return &api.SubscriptionList{Total: 9, Matching: 4, Subscriptions: []api.Subscription{s, masked, app, call}}
}

func TestSubscriptions(t *testing.T) {
	var b bytes.Buffer
	if err := show.Summary(&b, list()); err != nil {
		t.Fatal(err)
	}
	golden(t, "summary.txt", b.Bytes())
	b.Reset()
	if err := show.Details(&b, list()); err != nil {
		t.Fatal(err)
	}
	golden(t, "details.txt", b.Bytes())
	b.Reset()
	if err := show.Summary(&b, &api.SubscriptionList{}); err != nil {
		t.Fatal(err)
	}
	golden(t, "empty.txt", b.Bytes())
}

// TestCMEColumns: scripts that read CME's table find its heading.
func TestCMEColumns(t *testing.T) {
	var b bytes.Buffer
	if err := show.Summary(&b, &api.SubscriptionList{Matching: 15}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	if lines[0] != "Presence Active Subscription Records Summary: 15 subscriptions" ||
		strings.Join(strings.Fields(lines[1]), " ") != "Watcher Presentity SubID Expires SibID Status" || !strings.HasPrefix(lines[2], "=====") {
		t.Errorf("%s", b.String())
	}
}

func TestGlobal(t *testing.T) {
	var b bytes.Buffer
	if err := show.Global(&b, &api.Presence{
		Enabled: true, MaxSubscriptions: 100, Subscriptions: 3, CallList: true, Server: "0.0.0.0", RetryInterval: 60, RetryLimit: 10, Mode: "beside the PBX",
		UnknownWatchers: "they are challenged",
	}); err != nil {
		t.Fatal(err)
	}
	golden(t, "global.txt", b.Bytes())
}

const document = `tenants:
  - name: shop
    presence_groups: [{name: Board}]
    lines:
      - {number: 101}
      - {number: 102, presence_group: Board}
      - {number: 103, allow_watch: no}
    phones:
      - {name: SEP1, lines: [201], blf_buttons: [{number: 102}], blf_call_lists: off}
`

func TestExplanations(t *testing.T) {
	d, err := policy.Load([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	s, err := policy.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	for _, paint := range []show.Paint{false, true} {
		var b bytes.Buffer
		for _, q := range []admin.Question{
			{Watcher: "555", Target: "101"}, {Watcher: "555", Target: "*89102"}, {Watcher: "201", Target: "102"}, {Watcher: "201", Target: "101"},
			{Watcher: "555", Target: "103"}, {Watcher: "555@nowhere.example", Target: "101", Source: "192.0.2.1"},
		} {
			e, err := admin.Explain(admin.Facts{Snapshot: s, Learned: func(string, string) bool { return false }}, q)
			if err != nil {
				t.Fatal(err)
			}
			if err := show.Explanation(&b, &e, paint); err != nil {
				t.Fatal(err)
			}
			b.WriteString("\n")
		}
		golden(t, map[show.Paint]string{false: "explain.txt", true: "explain.colour.txt"}[paint], b.Bytes())
		if hasEscape := bytes.ContainsRune(b.Bytes(), 0x1b); hasEscape != bool(paint) {
			t.Errorf("escapes %v with colours %v", hasEscape, paint)
		}
	}
}

// TestNoTerminalEscapes: what phones call themselves cannot steer the terminal.
func TestNoTerminalEscapes(t *testing.T) {
	evil := "\x1b[2J\x9b31m\x07\r\n"
	l := list()
	l.Subscriptions[0].Watcher.UserAgent, l.Subscriptions[0].Watcher.URI, l.Subscriptions[0].ID = evil, "sip:"+evil+"@x", evil
	var b bytes.Buffer
	if err := show.Summary(&b, l); err != nil {
		t.Fatal(err)
	}
	if err := show.Details(&b, l); err != nil {
		t.Fatal(err)
	}
	e := api.Explanation{Outcome: "refused", Steps: []api.ExplainStep{{Step: "watcher", Rule: evil}}, Notes: []string{evil}}
	e.Watcher.Given, e.Target.Given, e.Target.Number, e.Watcher.ID, e.Watcher.Kind = evil, evil, evil, evil, "unknown"
	if err := show.Explanation(&b, &e, false); err != nil {
		t.Fatal(err)
	}
	if bytes.ContainsAny(b.Bytes(), "\x1b\x07\r") || strings.ContainsRune(b.String(), 0x9b) {
		t.Errorf("%q", b.String())
	}
}

func TestCluster(t *testing.T) {
	v := &api.Cluster{
		Replica: "a/ABC", Feeds: []api.ClusterFeed{
			{Source: "pbx1", Holder: "a/ABC", Token: 3, Entry: 812, RenewedAgo: 0.4, LeaseLeft: 2.6}, {Source: "pbx2", Token: 1, Entry: 5},
		},
		Replicas: []api.Replica{
			{Name: "a/ABC", BeatAgo: 0.2, Shards: 9, Subscriptions: 120, Adopted: 7, Feeds: []api.ReplicaFeed{{Source: "pbx1", Entry: 812}}},
			{Name: "b/DEF", BeatAgo: 0.9, Leaving: true, Shards: 2, Subscriptions: 30, Rewrites: 1, Stale: 4, Feeds: []api.ReplicaFeed{{Source: "pbx1", Entry: 810, Behind: 2, LagMs: 1.25}}},
		},
		Shards: []api.Shard{{Shard: 64, Owner: "a/ABC"}, {Shard: 65}},
	}
	var b bytes.Buffer
	if err := show.Cluster(&b, v); err != nil {
		t.Fatal(err)
	}
	golden(t, "cluster.txt", b.Bytes())
}
