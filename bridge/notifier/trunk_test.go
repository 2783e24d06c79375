package notifier

import (
	"testing"
	"testing/synctest"
	"time"

	"blfbridge/policy"
)

// TestTrunkStands: a standing subscription tells how its trunk was recognised and whose
// credentials held; one that needs credentials now ends so that it may come back at once.
func TestTrunkStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{Loops: 1})
		defer func() { r.stop() }()
		for id, w := range map[string]policy.Watcher{
			"c1": {Tenant: "t", Kind: policy.WatcherTrunk, ID: "K"},
			"c2": {Tenant: "t", Kind: policy.WatcherApplication, ID: "app", Trunk: "K", Trusted: true},
			"c3": {Tenant: "t", Kind: policy.WatcherPhone, ID: "P", Trusted: true},
		} {
			r.subscribe(id, "101", 1, time.Hour, func(s *Subscribe) {
				s.Watcher = w
				switch w.Kind {
				case policy.WatcherTrunk:
					s.Cold.Origin = "192.0.2.1:5060"
				case policy.WatcherApplication:
					s.Cold.Origin, s.Cold.AppUser = "far.example", "digest-user"
				default:
				}
			})
			r.answered()
		}
		var got []Standing
		_ = r.n.Reauthorize(t.Context(), nil, func(s Standing) policy.Decision {
			got = append(got, s)
			return policy.Decision{Outcome: policy.Unavailable}
		})
		for _, s := range got {
			w := s.Watcher
			switch {
			case w.Kind == policy.WatcherTrunk && s.Source == "192.0.2.1:5060" && s.User == "" && !w.Trusted:
			case w.Kind == policy.WatcherApplication && s.Source == "far.example" && s.User == "digest-user" && w.Trusted && w.Trunk == "K":
			case w.Kind == policy.WatcherPhone && s.Source != "" && s.User == "" && w.Trusted:
			default:
				t.Errorf("%+v", s)
			}
		}
		if len(got) != 3 {
			t.Fatalf("%d stand", len(got))
		}
		_ = r.n.Reauthorize(t.Context(), func(s Standing) bool { return s.Watcher.Kind != policy.WatcherTrunk }, func(s Standing) policy.Decision {
			return policy.Decision{Outcome: policy.Challenged, Line: s.Line}
		})
		if text, _ := r.one(); text != "terminated;reason=deactivated v= " {
			t.Error(text)
		}
	})
}
