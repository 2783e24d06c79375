// Command benchreport turns what scripts/bench measured into a text and plots: medians over
// the repeats, ratios between what ran in turns on the same machine, and the bars that they
// are held to.
//
//	benchreport [-check] FOLDER TEXT SVG-PREFIX
//
// FOLDER holds WHAT.NUMBER.json files of `blfbridge bench --json` and micro.txt of `go test
// -bench`. With -check it fails if memory per subscription or allocations are above their
// bars; times depend on the machine and are never a reason to fail.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	check := flag.Bool("check", false, "fail if memory or allocations are above their bars")
	flag.Parse()
	if flag.NArg() != 3 {
		fmt.Fprintln(os.Stderr, "benchreport: FOLDER TEXT SVG-PREFIX are wanted")
		os.Exit(2)
	}
	if err := run(flag.Arg(0), flag.Arg(1), flag.Arg(2), *check, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "benchreport:", err)
		os.Exit(1)
	}
}

func run(folder, text, prefix string, check bool, out io.Writer) error {
	m, err := read(folder)
	if err != nil {
		return err
	}
	f, err := os.Create(text)
	if err != nil {
		return err
	}
	rows := figures(m)
	m.write(io.MultiWriter(f, out), rows)
	if err := f.Close(); err != nil {
		return err
	}
	for name, c := range charts(m) {
		if err := os.WriteFile(prefix+name+".svg", []byte(c.svg()), 0o644); err != nil {
			return err
		}
	}
	if check {
		return held(rows)
	}
	return nil
}
