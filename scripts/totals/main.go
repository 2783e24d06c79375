// Totals reads the output of `go test -json` and prints what people want of it: each
// package with its time, the output of what failed, the slowest tests, and a closing
// line "N passed, N failed, N skipped". It exits 1 if anything failed, or was skipped:
// scripts/test provides all that the tests need.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

type event struct {
	Action, Package, Test, Output, ImportPath string
	Elapsed                                   float64
}

type slow struct {
	name    string
	seconds float64
}

func main() {
	var (
		passed, failed, skipped int
		output                  = map[string][]string{} // package and test → lines
		slowest                 []slow
		names                   []string // of the failed
		broken                  bool
	)
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<24)
	for in.Scan() {
		var e event
		if json.Unmarshal(in.Bytes(), &e) != nil {
			fmt.Println(in.Text()) // not JSON: go's own complaint
			continue
		}
		key := e.Package + " " + e.Test
		switch e.Action {
		case "output":
			output[key] = append(output[key], e.Output)
		case "build-output":
			fmt.Print(e.Output)
		case "build-fail":
			broken = true
		case "pass", "skip", "fail":
			if e.Test == "" {
				if e.Action == "fail" {
					broken = true
					died := unfinished(e.Package, output)
					failed += len(died)
					names = append(names, died...)
				}
				report(e, output[key])
				continue
			}
			switch e.Action {
			case "pass":
				passed++
			case "skip":
				skipped++
				fmt.Printf("skipped  %s %s\n%s", e.Package, e.Test, strings.Join(output[key], ""))
			case "fail":
				failed++
				names = append(names, key)
				fmt.Printf("FAILED   %s %s\n%s", e.Package, e.Test, strings.Join(output[key], ""))
			}
			if !strings.Contains(e.Test, "/") {
				slowest = append(slowest, slow{e.Package + " " + e.Test, e.Elapsed})
			}
			delete(output, key)
		}
	}
	slices.SortFunc(slowest, func(a, b slow) int { return cmp.Compare(b.seconds, a.seconds) })
	fmt.Println("slowest:")
	for _, s := range slowest[:min(5, len(slowest))] {
		fmt.Printf("  %6.1fs  %s\n", s.seconds, s.name)
	}
	if len(names) > 0 {
		fmt.Printf("failed:\n  %s\n", strings.Join(names, "\n  "))
	}
	if broken && failed == 0 {
		failed++ // a package that does not build, or died outside a test
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	if failed > 0 || skipped > 0 || in.Err() != nil {
		os.Exit(1)
	}
}

// unfinished prints the tests of a package that never ended, because it ran out of time or died under them, with
// their output and so the stacks, and returns their names.
func unfinished(pkg string, output map[string][]string) (names []string) {
	for _, key := range slices.Sorted(maps.Keys(output)) {
		if test, ours := strings.CutPrefix(key, pkg+" "); ours && test != "" {
			fmt.Printf("DIED IN  %s %s\n%s", pkg, test, strings.Join(output[key], ""))
			delete(output, key)
			names = append(names, key)
		}
	}
	return names
}

// report prints the line of a package, and all it said if it failed outside its tests.
func report(e event, lines []string) {
	if e.Action == "skip" {
		return // no test files
	}
	fmt.Printf("%-8s %6.1fs  %s\n", map[string]string{"pass": "ok", "fail": "FAIL"}[e.Action], e.Elapsed, e.Package)
	if e.Action == "fail" {
		fmt.Print(strings.Join(lines, ""))
	}
}
