package charts

import (
	"strings"
	"testing"
)

// TestRefused: values that would install something broken are refused, and told why.
func TestRefused(t *testing.T) {
	for _, c := range []struct{ values, says string }{
		{"pbx: []", "pbx is empty"},
		{"replicas: 3", "replicas"},
		{"sip: {prots: {udp: 1}}", "prots"},
		{"replicaCount: none", "replicaCount"},
		{"store: {type: bolt}", "is a file of one replica"},
		{"replicaCount: 1\nstore: {type: bolt}\nautoscaling: {enabled: true}", "is a file of one replica"},
		{"store: {type: redis}", "store.redis.url"},
		{"store: {type: redis, redis: {url: ['redis://:secret@r:6379']}}", "pattern"},
		{"store: {type: memory}", "/store/type"},
		{"sip: {ports: {tls: 5061}}", "tls.existingSecret"},
		{"sip: {ports: {udp: 70000}}", "/sip/ports/udp"},
		{"sip: {service: {type: NodePort}}", "30000 to 32767"},
		{"tls: {certManager: {enabled: true}}", "issuerRef.name"},
		{"mode: sidecar", "sidecarSelector"},
		{"policy: {mode: import}", "policy.document"},
		{"pbx: [{name: x}]", "type"},
		{"pbx: [{name: 'a b', type: asterisk}]", "name"},
		{"pbx: [{name: a, type: avaya}]", "type"},
		{"pbx: [{name: a, type: asterisk, passwort: x}]", "passwort"},
		{"config: {sip: {relam: x}}", "relam"},
		{"config: {admin: {token: x}}", "admin"},
		{"config: {edge: {key: x}}", "key"},
		{"config: {store: {password: x}}", "store"},
		{"config: {sip: {min_expires: soon}}", "min_expires"},
	} {
		if _, err := template(t, c.values); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: no %q in %v", c.values, c.says, err)
		}
	}
}
