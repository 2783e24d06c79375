package charts

import (
	"fmt"
	"strings"
	"testing"
)

// podSpec is that of an object that makes pods; nil of others.
func (m manifest) podSpec() map[string]any {
	path := []any{"spec", "template", "spec"}
	if m.kind() == "Pod" {
		path = path[:1]
	}
	spec, _ := m.at(path...).(map[string]any)
	return spec
}

// TestRestricted: every pod, also of Redis, of tests and Jobs, meets the Pod Security
// Standard "restricted", has a read-only root and no token of the API server.
func TestRestricted(t *testing.T) {
	pods := 0
	for _, e := range append(examples(t), example{objects: render(t, manyReplicas+"policy: {mode: import, document: {a: 1}}\n")}) {
		for _, m := range e.objects {
			spec := m.podSpec()
			if spec == nil {
				continue
			}
			pods++
			who := e.name + " " + m.kind() + " " + m.name()
			if e.name == "sidecar" && m.kind() == "StatefulSet" {
				spec["hostNetwork"] = nil // the PBX's pod; its other rules hold as well
			}
			expect := func(want any, path ...any) {
				t.Helper()
				if got := at(spec, path...); fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%s: %v is %v, want %v", who, path, got, want)
				}
			}
			expect(false, "automountServiceAccountToken")
			expect(true, "securityContext", "runAsNonRoot")
			expect("RuntimeDefault", "securityContext", "seccompProfile", "type")
			if e.name != "cloud-pbx.yaml" { // its purpose
				expect(nil, "hostNetwork")
			}
			for _, forbidden := range []string{"hostPID", "hostIPC", "initContainers"} {
				expect(nil, forbidden)
			}
			containers, _ := spec["containers"].([]any)
			for i, c := range containers {
				expect(false, "containers", i, "securityContext", "allowPrivilegeEscalation")
				expect("[ALL]", "containers", i, "securityContext", "capabilities", "drop")
				expect(nil, "containers", i, "securityContext", "capabilities", "add")
				expect(nil, "containers", i, "securityContext", "privileged")
				if at(c, "name") != "asterisk" {
					expect(true, "containers", i, "securityContext", "readOnlyRootFilesystem")
					if at(c, "resources", "limits", "memory") == nil {
						t.Errorf("%s: no limit of memory", who)
					}
				}
				ports, _ := at(c, "ports").([]any)
				for _, p := range ports {
					if at(p, "hostPort") != nil {
						t.Errorf("%s: hostPort", who)
					}
				}
			}
			volumes, _ := spec["volumes"].([]any)
			for _, v := range volumes {
				if at(v, "hostPath") != nil {
					t.Errorf("%s: hostPath", who)
				}
			}
		}
	}
	if pods < 9 {
		t.Errorf("%d pods", pods)
	}
}

// TestSecretsAreInSecrets: no password that values hold is in anything but a Secret.
func TestSecretsAreInSecrets(t *testing.T) {
	const mark = "Very-Secret"
	all := render(t, strings.ReplaceAll(`
replicaCount: 2
pbx:
- {name: a, type: asterisk, url: "http://a:8088", username: u, password: MARK-pbx}
- {name: f, type: freeswitch, address: f, password: MARK-esl}
store: {type: redis, redis: {url: ["redis://r"], password: MARK-redis, sentinelPassword: MARK-sentinel}}
admin: {token: MARK-token}
policy:
  mode: file
  document: {tenants: [{name: default, phones: [{name: P, digest: {username: p, password: MARK-digest}}]}]}
`, "MARK", mark))
	all = append(all, render(t, "store: {type: bundled, bundled: {password: "+mark+"-bundled}}\n")...)
	found := map[string]bool{}
	for _, m := range all {
		text := fmt.Sprint(map[string]any(m))
		for part := range strings.SplitSeq(text, mark) {
			if rest, ok := strings.CutPrefix(part, "-"); ok {
				word, _, _ := strings.Cut(strings.FieldsFunc(rest, func(r rune) bool { return r < 'a' || r > 'z' })[0], " ")
				found[word] = true
			}
		}
		if m.kind() != "Secret" && strings.Contains(text, mark) {
			t.Errorf("%s %s holds a secret", m.kind(), m.name())
		}
	}
	for _, word := range []string{"pbx", "esl", "redis", "sentinel", "token", "digest", "bundled"} {
		if !found[word] {
			t.Errorf("the password of %s is nowhere", word)
		}
	}
}

// TestLifeAndReadiness: the kubelet asks for what depends on neither PBX nor store to
// restart a pod, and gives it the time that it needs to hand over.
func TestLifeAndReadiness(t *testing.T) {
	set := one(t, render(t, ""), "StatefulSet", "blf-blfbridge")
	c := set.at("spec", "template", "spec", "containers", 0)
	if got := at(c, "livenessProbe", "httpGet", "path"); got != "/healthz" {
		t.Errorf("liveness asks %v", got)
	}
	if got := at(c, "readinessProbe", "httpGet", "path"); got != "/readyz" {
		t.Errorf("readiness asks %v", got)
	}
	if at(c, "startupProbe") != nil {
		t.Error("a startup probe restarts pods that wait for Redis")
	}
	if got := fmt.Sprint(set.at("spec", "template", "spec", "terminationGracePeriodSeconds"), at(c, "lifecycle", "preStop", "sleep", "seconds")); got != "45 5" {
		t.Errorf("grace and sleep: %s", got)
	}
}

// TestPodsRollWithTheirConfiguration: what a pod reads at its start only rolls it, and
// nothing else does, such as a password made at random.
func TestPodsRollWithTheirConfiguration(t *testing.T) {
	sums := func(values string) string {
		set := one(t, render(t, "policy: {mode: file, document: {a: 1}}\n"+values), "StatefulSet", "blf-blfbridge")
		return fmt.Sprint(set.at("spec", "template", "metadata", "annotations"))
	}
	base := sums("")
	if sums("") != base || sums("admin: {ingress: {enabled: true}}\n") != base {
		t.Error("the pods roll without reason")
	}
	for _, change := range []string{"config: {log: {level: debug}}\n", "admin: {token: another-one}\n"} {
		if sums(change) == base {
			t.Errorf("%s does not roll the pods", change)
		}
	}
}

// TestServiceReachesPodsByNumber: a name would not do. Helm 3 merges the ports of a pod by
// their numbers, and has lost that of UDP as TCP came back beside it.
func TestServiceReachesPodsByNumber(t *testing.T) {
	ports, _ := one(t, render(t, ""), "Service", "blf-blfbridge").at("spec", "ports").([]any)
	for _, p := range ports {
		if got := fmt.Sprint(at(p, "targetPort")); got != "5060" {
			t.Errorf("%v reaches %s", at(p, "name"), got)
		}
	}
	if len(ports) != 2 {
		t.Errorf("%d ports", len(ports))
	}
}
