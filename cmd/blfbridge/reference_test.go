package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "rewrite testdata")

// commands lists every command that help tells of, depth first.
func commands(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() {
			all = append(all, commands(child)...)
		}
	}
	return all
}

func everyCommand() []*cobra.Command {
	root := newRoot(&cli{env: func(string) (string, bool) { return "", false }})
	root.InitDefaultCompletionCmd("x")
	return commands(root)
}

// TestReference: the help of every command, as the binary prints it, changes only on
// purpose. There is a file for each command of the first level.
func TestReference(t *testing.T) {
	s := newShell(t)
	texts := map[string]*bytes.Buffer{}
	for _, cmd := range everyCommand() {
		words := strings.Fields(cmd.CommandPath())
		name := words[min(1, len(words)-1)] + ".txt"
		if texts[name] == nil {
			texts[name] = new(bytes.Buffer)
		}
		args := append(slices.Clone(words[1:]), "--help")
		fmt.Fprintf(texts[name], "$ blfbridge %s\n%s\n", strings.Join(args, " "), s.ok(args...))
	}
	const folder = "testdata/reference"
	for name, b := range texts {
		path := filepath.Join(folder, name)
		if *update {
			if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(path); err != nil || !bytes.Equal(b.Bytes(), want) {
			t.Errorf("the help is not that of %s (%v): see what changed with go test -update and git diff", path, err)
		}
	}
	files, err := os.ReadDir(folder)
	if err != nil || len(files) != len(texts) {
		t.Errorf("%d files for %d commands in %s: %v", len(files), len(texts), folder, err)
	}
}

// TestHelpHasExamples: every command of ours shows how it is used.
func TestHelpHasExamples(t *testing.T) {
	for _, cmd := range everyCommand() {
		if strings.Contains(cmd.CommandPath(), "completion") {
			continue // cobra's own
		}
		if cmd.Example == "" || cmd.Long == "" || cmd.Short == "" {
			t.Errorf("%s: no example, or no description", cmd.CommandPath())
		}
		if !strings.Contains(cmd.Example, "blfbridge") || !strings.HasPrefix(cmd.Example, "  ") {
			t.Errorf("%s: example %q", cmd.CommandPath(), cmd.Example)
		}
	}
}

// TestExamplesParse: the examples name commands and flags that there are.
func TestExamplesParse(t *testing.T) {
	for _, cmd := range everyCommand() {
		for line := range strings.Lines(cmd.Example) {
			_, line, ok := strings.Cut(line, "blfbridge ")
			if !ok {
				continue // another program
			}
			line, _, _ = strings.Cut(line, " > ")
			args := split(strings.TrimSuffix(strings.TrimSpace(line), ")"))
			if len(args) == 0 || strings.Contains(cmd.CommandPath(), "completion") {
				continue
			}
			root := newRoot(&cli{env: func(string) (string, bool) { return "", false }})
			found, rest, err := root.Find(args)
			if err == nil {
				err = found.ParseFlags(rest)
			}
			if err == nil {
				err = found.ValidateArgs(found.Flags().Args())
			}
			if err != nil || !strings.HasPrefix(found.CommandPath(), cmd.CommandPath()) {
				t.Errorf("%s: example %q leads to %s: %v", cmd.CommandPath(), args, found.CommandPath(), err)
			}
		}
	}
}

// TestHelpIgnoresEnvironment: it is the same everywhere, and tells no secret.
func TestHelpIgnoresEnvironment(t *testing.T) {
	plain, set := newShell(t), newShell(t, configEnv+"=/etc/x.yaml", tokenEnv+"=secret-token")
	for _, args := range [][]string{{"explain", "--help"}, {"serve", "--help"}, {"policy", "import", "--help"}, {"show", "presence", "subscription", "--help"}} {
		if a, b := plain.ok(args...), set.ok(args...); a != b {
			t.Errorf("%v: %s\n%s", args, a, b)
		}
	}
}

func TestUsageErrors(t *testing.T) {
	s := newShell(t)
	for line, words := range map[string][]string{
		"bogus":                            {`unknown command "bogus"`, "Run 'blfbridge --help'"},
		"polcy":                            {"policy"},
		"config bogus":                     {`unknown command "bogus" for "blfbridge config"`, "Run 'blfbridge config --help'"},
		"config chek":                      {`did you mean "check"?`},
		"show presence subscription x":     {`unknown command "x"`},
		"show presence globl":              {`did you mean "global"?`},
		"explain":                          {"WATCHER and TARGET is missing"},
		"explain 201":                      {"TARGET is missing", "Run 'blfbridge explain --help'"},
		"explain 1 2 3":                    {`"3" is too much`},
		"explain 1 2 --policy a --url b":   {"--policy and --url exclude each other"},
		"policy import":                    {"FILE is missing"},
		"policy import a b":                {`"b" is too much`},
		"policy import a --if-revision x":  {"--if-revision"},
		"show presence subscription subid": {"ID is missing"},
		"serve":                            {"--config FILE is missing", "blfbridge config defaults"},
		"serve x":                          {`"x" is too much`},
		"serve --config":                   {"flag needs an argument"},
		"version --nonsense":               {"unknown flag: --nonsense"},
		"config check":                     {"FILE is missing"},
		"config defaults x":                {`"x" is too much`},
		"completion bash x":                {"x"},
	} {
		s.fails(exitUsage, append(words, "blfbridge: "), strings.Fields(line)...)
	}
}

func TestGroupsShowHelp(t *testing.T) {
	s := newShell(t)
	for _, line := range []string{"", "config", "policy", "show", "show presence", "completion"} {
		s.says(s.ok(strings.Fields(line)...), "Available Commands:")
	}
}
