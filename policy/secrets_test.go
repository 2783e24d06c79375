package policy

import "testing"

// TestHoldsSecrets: wherever a document may have credentials.
func TestHoldsSecrets(t *testing.T) {
	g := &Digest{Username: "u", HA1SHA256: "x"}
	for name, d := range map[string]*Document{
		"phone":    {Tenants: []Tenant{{Phones: []Phone{{}, {Digest: g}}}}},
		"user":     {Tenants: []Tenant{{}, {EndUsers: []EndUser{{Digest: &Digest{Password: "x"}}}}}},
		"trunk":    {Tenants: []Tenant{{Trunks: []Trunk{{Digest: &Digest{HA1: "x"}}}}}},
		"outbound": {Tenants: []Tenant{{Trunks: []Trunk{{OutboundDigest: g}}}}},
		"pin":      {Tenants: []Tenant{{EndUsers: []EndUser{{UserID: "ann", PIN: "1234"}}}}},
		"app":      {Tenants: []Tenant{{ApplicationUsers: []ApplicationUser{{Digest: g}}}}},
	} {
		if !HoldsSecrets(d) {
			t.Error(name)
		}
	}
	if HoldsSecrets(nil) || HoldsSecrets(&Document{Tenants: []Tenant{{Phones: []Phone{{Name: "x", Digest: &Digest{Username: "u"}}}}}}) {
		t.Error("secrets where there are none")
	}
}
