package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version may be set with -ldflags "-X main.version=v1.2.3".
var version = ""

// build describes this binary.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Time     string `json:"commit_time,omitempty"`
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func thisBuild() build {
	b := build{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if b.Version == "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// buildVersion is this binary's version in one word.
func buildVersion() string {
	if b := thisBuild(); b.Version != "" {
		return b.Version
	}
	return "(devel)"
}

func newVersion(c *cli) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Long:  "Prints the version of this binary, the commit that it was built from, and the Go version.",
		Example: `  blfbridge version
  blfbridge version --json`,
		Args: exactly(),
		RunE: func(*cobra.Command, []string) error {
			b := thisBuild()
			b.Version = buildVersion()
			if asJSON {
				return writeJSON(c.out, b)
			}
			commit := ""
			if b.Commit != "" {
				commit = fmt.Sprintf("commit %s of %s", b.Commit, b.Time)
				if b.Modified {
					commit += ", with changes"
				}
				commit = "\n" + commit
			}
			_, err := fmt.Fprintf(c.out, "blfbridge %s%s\n%s %s\n", b.Version, commit, b.Go, b.Platform)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// writeJSON writes a value for programs that is readable for people, too.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
