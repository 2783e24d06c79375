package charts

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestReadme: the README's values and commands are such as Helm takes.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	values := regexp.MustCompile("(?s)```yaml\n(# values of the chart.*?)```").FindSubmatch(text)
	if values == nil {
		t.Fatal("the README shows no values")
	}
	file := t.TempDir() + "/pbx.yaml"
	write(t, file, string(values[1]))
	installs := regexp.MustCompile(`(?m)^helm (?:install|upgrade) blf (charts/blfbridge .*)$`).FindAllSubmatch(text, -1)
	if len(installs) < 2 {
		t.Fatalf("the README shows %d commands", len(installs))
	}
	for _, m := range installs {
		line, _, _ := strings.Cut(string(m[1]), "#")
		line = strings.ReplaceAll(strings.ReplaceAll(line, "charts/blfbridge", chart), "pbx.yaml", file)
		args := append([]string{"template", "blf"}, strings.Fields(strings.ReplaceAll(line, "--wait", ""))...)
		if _, err := helm(t, args...); err != nil {
			t.Errorf("%s: %v", m[0], err)
		}
	}
}

// TestNotes: the notes name the next three commands, with the names of what was installed.
func TestNotes(t *testing.T) {
	dir := t.TempDir() + "/blfbridge" // helm shows notes with a cluster only: they are rendered as an object
	if err := os.CopyFS(dir, os.DirFS(chart)); err != nil {
		t.Fatal(err)
	}
	write(t, dir+"/templates/shown.yaml", `notes: {{ include (print $.Template.BasePath "/NOTES.txt") . | quote }}`)
	write(t, dir+"/one.yaml", onePBX)
	notes, err := helm(t, "template", "blf", dir, "--namespace", "tel", "-f", dir+"/one.yaml", "--show-only", "templates/shown.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"helm test blf -n tel", "kubectl get service blf-blfbridge -n tel", "service/blf-blfbridge-admin 8080", "get secret blf-blfbridge-admin"} {
		if !strings.Contains(notes, want) {
			t.Errorf("no %q in %s", want, notes)
		}
	}
}
