// Cisco verifies policy/cisco.md, the map from Cisco's presence documents to rules and
// tests: that it has as many items of each kind in each section as the documents
// (policy/testdata/cisco/items.txt), and that every test it names ran and passed. It
// prints the totals of each section, and exits 1 if an item is not carried.
//
//	go run ./scripts/cisco [FILE]
//
// FILE is the output of go test -json over all packages; scripts/test keeps one. Without
// it the packages that the map names are tested now, which needs what scripts/test needs.
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

func main() {
	if err := run(os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "cisco:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, args []string) error {
	text, err := os.ReadFile("policy/cisco.md")
	if err != nil {
		return err
	}
	counted, err := os.ReadFile("policy/testdata/cisco/items.txt")
	if err != nil {
		return err
	}
	rows, err := parse(string(text))
	if err != nil {
		return err
	}
	var ran io.Reader
	switch len(args) {
	case 0:
		if ran, err = test(rows); err != nil {
			return err
		}
	case 1:
		f, err := os.Open(args[0])
		if err != nil {
			return err
		}
		defer f.Close()
		ran = f
	default:
		return fmt.Errorf("want one file, the output of go test -json")
	}
	results, err := read(ran)
	if err != nil {
		return err
	}
	wrong := append(compare(rows, string(counted)), judge(rows, results)...)
	report(w, rows)
	for _, line := range wrong {
		fmt.Fprintln(w, line)
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%d items are not carried", len(wrong))
	}
	return nil
}

// test runs the packages that the rows name.
func test(rows []row) (io.Reader, error) {
	args := []string{"test", "-json", "-count=1", "-tags", "pbx"}
	list, err := exec.Command("go", "list", "./...").Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	cmd := exec.Command("go", append(args, named(rows, strings.Fields(string(list)))...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if _, failed := err.(*exec.ExitError); err != nil && !failed {
		return nil, err
	}
	return bytes.NewReader(out), nil
}
