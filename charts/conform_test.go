package charts

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestLint: helm lint, strictly, with every example.
func TestLint(t *testing.T) {
	files, _ := filepath.Glob(chart + "/examples/*.yaml")
	for _, file := range files {
		out, err := helm(t, "lint", "--strict", chart, "-f", file)
		if err != nil || !strings.Contains(out, "0 chart(s) failed") {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
	}
	if out, err := helm(t, "lint", "--strict", sidecar(t)); err != nil {
		t.Errorf("sidecar: %v\n%s", err, out)
	}
}

// TestConform: every object of every example is what the API server would take, as far
// as schemas tell: Kubernetes' own, and those of the CRDs in testdata.
func TestConform(t *testing.T) {
	own, err := schemas()
	if err != nil {
		t.Fatal(err)
	}
	text, err := template(t, "")
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]bool{}
	for _, e := range append(examples(t), example{"defaults", text, parse(t, text)}) {
		cmd := tool(t, "kubeconform", "-strict", "-summary", "-schema-location", own,
			"-schema-location", "testdata/crds/{{.ResourceKind}}{{.KindSuffix}}.json")
		cmd.Stdin = strings.NewReader(e.text)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "Invalid: 0, Errors: 0, Skipped: 0") {
			t.Errorf("%s: %v\n%s", e.name, err, out)
		}
		for _, m := range e.objects {
			kinds[m.kind()] = true
		}
	}
	for _, kind := range []string{"StatefulSet", "Job", "Certificate", "HTTPRoute", "Ingress", "ServiceMonitor", "PrometheusRule", "NetworkPolicy", "HorizontalPodAutoscaler", "PodDisruptionBudget", "PersistentVolumeClaim"} {
		if !kinds[kind] {
			t.Errorf("no example has a %s", kind)
		}
	}
	// The schemas find what is wrong, too.
	for _, old := range []string{"podManagementPolicy:", "issuerRef:"} {
		provider, _ := helm(t, "template", "blf", chart, "-f", chart+"/examples/provider.yaml")
		cmd := tool(t, "kubeconform", "-strict", "-schema-location", own, "-schema-location", "testdata/crds/{{.ResourceKind}}{{.KindSuffix}}.json")
		cmd.Stdin = strings.NewReader(strings.Replace(provider, old, "nonsense"+old, 1))
		if out, err := cmd.CombinedOutput(); err == nil {
			t.Errorf("nonsense%s is taken:\n%s", old, out)
		}
	}
}
