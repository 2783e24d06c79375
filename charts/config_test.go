package charts

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"blfbridge/bridge/certs/certstest"
	"blfbridge/bridge/config"
	"blfbridge/policy"
)

// TestConfigurationIsTaken: what the chart writes is a configuration that the server
// starts with, and the policies of the examples are policies.
func TestConfigurationIsTaken(t *testing.T) {
	t.Setenv("POD_NAME", "blf-0")
	t.Setenv("HOST_IP", "192.0.2.1")
	policies := 0
	for _, e := range append(examples(t), example{name: "bundled", objects: render(t, manyReplicas)}, example{name: "defaults", objects: render(t, "")}) {
		for _, m := range e.objects {
			if text, ok := m.at("stringData", "policy.yaml").(string); ok {
				d, err := policy.Load([]byte(text))
				if err == nil {
					_, err = policy.Compile(d)
				}
				if err != nil {
					t.Errorf("%s: %v", e.name, err)
				}
				policies++
			}
			text, ok := m.at("data", "blfbridge.yaml").(string)
			if !ok {
				continue
			}
			cfg, err := config.Load(inPod(t, text))
			if err != nil {
				t.Errorf("%s: %v", e.name, err)
				continue
			}
			if len(cfg.PBX) == 0 || cfg.PBX[0].Password.Reveal() != "hush-hush" || cfg.Admin.Token.Reveal() != "hush-hush" {
				t.Errorf("%s: %+v", e.name, cfg)
			}
			if redis := cfg.Store.Type == "redis"; cfg.Replicas.Enabled != redis || redis && cfg.Replicas.Name != "blf-0" {
				t.Errorf("%s: store %s, replicas %+v", e.name, cfg.Store.Type, cfg.Replicas)
			}
		}
	}
	if policies < 3 {
		t.Errorf("%d policies", policies)
	}
}

// inPod writes a configuration and the files that it names, all in a folder that stands
// for the pod's.
func inPod(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	text = strings.ReplaceAll(text, "/etc/blfbridge", dir)
	text = strings.ReplaceAll(text, "/var/lib/blfbridge", dir)
	for _, file := range regexp.MustCompile(regexp.QuoteMeta(dir)+`/secrets/[\w.-]+`).FindAllString(text, -1) {
		write(t, file, "hush-hush\n")
	}
	ca := certstest.New(t, "Chart")
	for _, folder := range []string{"tls", "redis-tls"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
		ca.Write(t, filepath.Join(dir, folder), certstest.Leaf{CommonName: "blf", Names: []string{"blf.example"}})
		pem, err := os.ReadFile(ca.File)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, folder, "ca.crt"), string(pem))
	}
	write(t, filepath.Join(dir, "policy", "policy.yaml"), "max_subscriptions: 10\n")
	file := filepath.Join(dir, "blfbridge.yaml")
	write(t, file, text)
	return file
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestCommandsAreTheBinarys: the command lines of pods, Job and test are such as the binary has; the
// flags of each are known to it.
func TestCommandsAreTheBinarys(t *testing.T) {
	all := render(t, "policy: {mode: import, document: {a: 1}}\ntest: {line: '1001'}\n")
	binary := filepath.Join(t.TempDir(), "blfbridge")
	if out, err := build(t, binary); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	seen := 0
	for _, m := range all {
		args, _ := at(m.podSpec(), "containers", 0, "args").([]any)
		if len(args) == 0 {
			continue
		}
		seen++
		var words []string
		for _, a := range args {
			words = append(words, a.(string))
		}
		// A word that is no flag of the command, or one too many, is exit code 2.
		if code, out := run(t, binary, append(words, "--help")...); code != 0 {
			t.Errorf("blfbridge %s: exit %d\n%s", strings.Join(words, " "), code, out)
		}
		if code, out := run(t, binary, append(words, "--nonsense")...); code != 2 {
			t.Errorf("blfbridge %s --nonsense: exit %d\n%s", strings.Join(words, " "), code, out)
		}
	}
	if seen != 3 {
		t.Errorf("%d commands", seen)
	}
}
