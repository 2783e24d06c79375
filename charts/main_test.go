// Package charts tests the chart by what Helm makes of it.
package charts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tools is the folder with helm and kubeconform, built at the first use of the machine.
var tools = sync.OnceValues(func() (string, error) { return script("build", "--tools") })

// schemas is kubeconform's -schema-location of Kubernetes' own kinds.
var schemas = sync.OnceValues(func() (string, error) { return script("schemas") })

func script(name string, args ...string) (string, error) {
	cmd := exec.Command("../scripts/k8s/"+name, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("scripts/k8s/%s: %w", name, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// tool is a command that runs helm or kubeconform.
func tool(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	dir, err := tools()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, name), args...)
	home := t.TempDir()
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
	return cmd
}

// helm runs helm and returns its standard output, or with the error what it said.
func helm(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := tool(t, "helm", args...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("helm %s: %w: %s", args[0], err, errs.String())
	}
	return string(out), nil
}

const chart = "blfbridge"

// template renders the chart as release blf in namespace tel, with values as YAML, and
// with one PBX if they have none.
func template(t *testing.T, values string, args ...string) (string, error) {
	t.Helper()
	if !strings.Contains(values, "pbx:") {
		values = onePBX + values
	}
	file := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, []byte(values), 0o600); err != nil {
		t.Fatal(err)
	}
	return helm(t, append([]string{"template", "blf", chart, "--namespace", "tel", "-f", file}, args...)...)
}

// manifest is one object of a rendered chart.
type manifest map[string]any

func (m manifest) kind() string { k, _ := m["kind"].(string); return k }

func (m manifest) name() string { n, _ := m.at("metadata", "name").(string); return n }

// at walks into maps, and into lists by int.
func (m manifest) at(path ...any) any { return at(map[string]any(m), path...) }

func at(v any, path ...any) any {
	for _, step := range path {
		switch x := v.(type) {
		case map[string]any:
			v = x[fmt.Sprint(step)]
		case []any:
			i, ok := step.(int)
			if !ok || i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

func parse(t *testing.T, text string) (all []manifest) {
	t.Helper()
	for _, doc := range strings.Split("\n"+text, "\n---") {
		var m manifest
		if err := yaml.Unmarshal([]byte(doc), &m); err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		if len(m) > 0 {
			all = append(all, m)
		}
	}
	return all
}

// render renders the chart and fails the test if it cannot be.
func render(t *testing.T, values string, args ...string) []manifest {
	t.Helper()
	text, err := template(t, values, args...)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, text)
}

// one is the only object of a kind and name.
func one(t *testing.T, all []manifest, kind, name string) manifest {
	t.Helper()
	for _, m := range all {
		if m.kind() == kind && m.name() == name {
			return m
		}
	}
	t.Fatalf("no %s %s", kind, name)
	return nil
}

// example is one of charts/blfbridge/examples, rendered.
type example struct {
	name, text string
	objects    []manifest
}

// examples renders them all, that of the sidecar with the chart beneath it.
func examples(t *testing.T) (out []example) {
	t.Helper()
	files, err := filepath.Glob(chart + "/examples/*.yaml")
	if err != nil || len(files) < 4 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, file := range files {
		text, err := helm(t, "template", "blf", chart, "--namespace", "tel", "-f", file)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, example{filepath.Base(file), text, parse(t, text)})
	}
	text, err := helm(t, "template", "pbx", sidecar(t), "--namespace", "tel")
	if err != nil {
		t.Fatal(err)
	}
	return append(out, example{"sidecar", text, parse(t, text)})
}

// sidecar is a copy of that example with its dependency in place, as `helm dependency
// build` puts it.
func sidecar(t *testing.T) string {
	t.Helper()
	top := t.TempDir()
	dir := filepath.Join(top, "blfbridge", "examples", "sidecar")
	if err := os.CopyFS(filepath.Join(top, "blfbridge"), os.DirFS(chart)); err != nil {
		t.Fatal(err)
	}
	if _, err := helm(t, "dependency", "build", dir); err != nil {
		t.Fatal(err)
	}
	return dir
}
