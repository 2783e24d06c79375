// Command chartdoc makes, of the chart's values.yaml and the configuration's own reference,
// the chart's values.schema.json and the table of its README.
//
//	go run ./scripts/chartdoc        # writes both
//	go run ./scripts/chartdoc -check # says whether they are current
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	check := flag.Bool("check", false, "write nothing, fail if a file would change")
	dir := flag.String("chart", "charts/blfbridge", "the chart's `FOLDER`")
	flag.Parse()
	if err := run(*dir, *check); err != nil {
		fmt.Fprintln(os.Stderr, "chartdoc:", err)
		os.Exit(1)
	}
}

// run writes what is made of dir/values.yaml, or only compares.
func run(dir string, check bool) error {
	text, err := os.ReadFile(filepath.Join(dir, "values.yaml"))
	if err != nil {
		return err
	}
	values, err := read(text)
	if err != nil {
		return err
	}
	schema, err := schemaOf(values)
	if err != nil {
		return err
	}
	readme := filepath.Join(dir, "README.md")
	old, err := os.ReadFile(readme)
	if err != nil {
		return err
	}
	table, err := replaceTable(old, tableOf(values))
	if err != nil {
		return fmt.Errorf("%s: %w", readme, err)
	}
	for name, want := range map[string][]byte{filepath.Join(dir, "values.schema.json"): schema, readme: table} {
		have, err := os.ReadFile(name)
		switch {
		case err == nil && bytes.Equal(have, want):
		case check:
			return fmt.Errorf("%s is not what values.yaml makes of it: go run ./scripts/chartdoc", name)
		default:
			if err := os.WriteFile(name, want, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}
