package policy

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestDiff(t *testing.T) {
	before, err := Load([]byte(`
tenants:
  - name: t
    country_code: 1
    presence_groups: [{name: A}, {name: B}]
    permissions: [{from: A, to: B, subscribe: allow}, {from: B, to: A, subscribe: allow}]
    lines: [{number: 1001, presence_group: A}, {number: 1002, partition: <None>}]
    phones:
      - {name: P, lines: [1001], digest: {username: p, password: old}, blf_buttons: [{number: 1, label: x}]}
      - {name: Q}
    end_users: [{user_id: ann}]
  - name: gone
`))
	if err != nil {
		t.Fatal(err)
	}
	after, err := Load([]byte(`
blf_for_call_lists: off
max_subscriptions: 128
unknown_watchers: {as: challenge}
tenants:
  - name: t
    presence_groups: [{name: B, description: bees}, {name: A}]
    permissions: [{from: B, to: A, subscribe: allow, view: state}]
    lines: [{number: 1002, allow_watch: false}, {number: 1001, presence_group: B}]
    phones:
      - {name: Q}
      - {name: P, lines: [1001], digest: {username: p, password: hush}, blf_buttons: [{number: 1}, {number: 2}]}
    trunks: [{name: K, addresses: [10.0.0.1], presence_group: A}]
  - name: new
    learn: false
`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range Diff(before, after) {
		got = append(got, c.String())
	}
	want := []string{
		"changed blf_for_call_lists: (none) → off",
		"changed max_subscriptions: (none) → 128",
		"changed unknown_watchers: as: (none) → challenge",
		"tenant t: changed country_code: 1 → (none)",
		"tenant t: changed presence_groups B: description: (none) → bees",
		"tenant t: changed permissions B → A: view: (none) → state",
		"tenant t: removed permissions A → B",
		"tenant t: changed lines 1002: partition: <None> → (none), allow_watch: (none) → false",
		"tenant t: changed lines 1001: presence_group: A → B",
		"tenant t: changed phones P: digest: another secret, blf_buttons: [1 x] → [1, 2]",
		"tenant t: moved phones",
		"tenant t: removed end_users ann",
		"tenant t: added trunks K: addresses: [] → [10.0.0.1], presence_group: (none) → A",
		"tenant new: added tenant",
		"tenant new: changed learn: (none) → false",
		"tenant gone: removed tenant",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, c := range Diff(before, after) {
		if strings.Contains(c.String(), "hush") || strings.Contains(c.String(), "old") {
			t.Errorf("a secret is shown: %s", c)
		}
	}
}

// TestDiffFirst: further changes are the same ones without details.
func TestDiffFirst(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 12))
		before, after := randomDocument(r), randomDocument(r)
		all := Diff(before, after)
		n := len(all) / 2
		some := DiffFirst(before, after, n)
		for i := range all {
			if i >= n {
				all[i].Details = nil
			}
		}
		if !slices.EqualFunc(all, some, func(a, b Change) bool { return a.String() == b.String() }) {
			t.Fatalf("seed %d: %v\nnot %v", seed, some, all)
		}
	}
}

// TestDiffMissesNothing: where two documents decide differently, Diff says something;
// and about a document and itself it says nothing.
func TestDiffMissesNothing(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 11))
		before := randomDocument(r)
		after := clone(t, before)
		if d := Diff(before, after); len(d) > 0 {
			t.Fatalf("seed %d: equal documents differ: %v", seed, d)
		}
		if len(after.Tenants) == 0 {
			continue
		}
		edit(gen{r}, &after.Tenants[r.IntN(len(after.Tenants))])
		changes := Diff(before, after)
		a, b := mustCompile(t, before), mustCompile(t, after)
		if len(changes) == 0 && !Affected(a, b).Empty() {
			t.Fatalf("seed %d: nothing said about %+v", seed, Affected(a, b))
		}
	}
}
