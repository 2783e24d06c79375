package config

import "time"

// Defaults returns the configuration of a file that sets nothing. It lacks the one
// thing that has no default, a PBX.
func Defaults() *Config {
	return &Config{
		SIP: SIP{
			Listen:           []string{"udp://0.0.0.0:5060", "tcp://0.0.0.0:5060"},
			Realm:            "blfbridge",
			MinExpires:       time.Minute,
			MaxExpires:       time.Hour,
			DefaultExpires:   time.Hour,
			MaxSubscriptions: 100_000,
			NAT:              "auto",
			Rate:             Rate{PerSource: 0, PerSourceBurst: 500, PerTenantBurst: 5000, Calm: 500, Total: 0, TotalBurst: 5000},
			Notify:           Notify{Retries: 3},
			TLS:              SIPTLS{MinVersion: "1.2", ClientAuth: "none"},
		},
		Edge: Edge{TrustRegistrations: true, CheckInterval: 10 * time.Second, CheckFailures: 2},
		Store: Store{
			Type:    "bolt",
			Path:    "blfbridge.db",
			Prefix:  "blf",
			Timeout: 2 * time.Second,
		},
		Replicas: Replicas{Lease: 3 * time.Second},

		Pickup: Pickup{DialogIDs: "auto"},
		Policy: Policy{CredentialsRefresh: time.Minute},
		Admin:  Admin{Listen: "127.0.0.1:8080"},
		Log:    Log{Level: "info", Format: "text"},
	}
}

// DefaultPBX is a PBX that sets nothing.
func DefaultPBX() PBX {
	return PBX{
		App:       "blfbridge",
		Grace:     10 * time.Second,
		Reconcile: 30 * time.Second,
		DNDPrefix: "Custom:DND",
		Dialogs:   true,
		Pickup:    "native",
		SIPLarge:  "udp",
	}
}
