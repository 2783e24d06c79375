//go:build live

package bridge_test

import (
	"cmp"
	"encoding/json"
	"os"
	"testing"
	"time"
)

// TestLive is what scripts/test-live plays through the edge, on the PBX that the
// environment describes.
func TestLive(t *testing.T) {
	at := liveFront(t)
	t.Run("pickup", func(t *testing.T) { pickupNative(newPickupOffice(t, at)) })
	t.Run("calls", func(t *testing.T) {
		s := at.server(t)
		for name, tcp := range map[string][2]bool{"udp": {false, false}, "tcp": {true, true}, "udp and tcp": {false, true}} {
			t.Run(name, func(t *testing.T) { edgeCalls(newEdgeOffice(t, s, at, tcp)) })
		}
	})
	t.Run("the bridge killed in mid-call", func(t *testing.T) {
		s := at.server(t)
		for name, tcp := range map[string]bool{"udp": false, "tcp": true} {
			t.Run(name, func(t *testing.T) { edgeRestart(newEdgeOffice(t, s, at, [2]bool{tcp, tcp})) })
		}
	})
}

// liveFront reads BLFBRIDGE_LIVE, which scripts/live writes: JSON with the PBX's entry,
// the domain and five users.
func liveFront(t *testing.T) front {
	t.Helper()
	var in struct {
		PBX, Domain, Aliases string
		Users                [5]struct{ Number, Password string }
	}
	if err := json.Unmarshal([]byte(cmp.Or(os.Getenv("BLFBRIDGE_LIVE"), "{}")), &in); err != nil || in.PBX == "" {
		t.Fatalf("BLFBRIDGE_LIVE: %v; run scripts/test-live, which sets it", err)
	}
	f := front{yaml: in.PBX, domain: in.Domain, aliases: in.Aliases, settle: switchSettles}
	for i, u := range in.Users {
		f.users[i] = frontUser{u.Number, u.Password}
	}
	return f
}

// switchSettles is how long FreeSWITCH may take to join those who talk after a pickup.
const switchSettles = 300 * time.Millisecond
