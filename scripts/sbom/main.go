// Command sbom prints the software bill of materials of a Go program as CycloneDX 1.6 JSON, from what the Go linker wrote into it:
// every module with its version and checksum, and the Go version.
//
//	go run ./scripts/sbom [-version VERSION] PROGRAM
//
// The same program gives the same bytes.
package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"runtime/debug"
	"strings"
)

func main() {
	version := flag.String("version", "", "the program's own version, where it was not built from a tagged commit")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "sbom: want one program")
		os.Exit(2)
	}
	if err := run(os.Stdout, flag.Arg(0), *version); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

// bom is the part of CycloneDX that can be known from a binary.
type bom struct {
	Format       string       `json:"bomFormat"`
	Spec         string       `json:"specVersion"`
	Serial       string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Component component `json:"component"`
}

type component struct {
	Ref        string     `json:"bom-ref"`
	Type       string     `json:"type"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	PURL       string     `json:"purl,omitempty"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn,omitempty"`
}

func run(w io.Writer, program, version string) error {
	raw, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return err
	}
	b := describe(info, sha256.Sum256(raw), version)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(b)
}

func describe(info *debug.BuildInfo, sum [sha256.Size]byte, version string) bom {
	if version == "" {
		version = info.Main.Version
	}
	self := component{
		Ref: "self", Type: "application", Name: path.Base(info.Path), Version: version,
		Hashes: []hash{{"SHA-256", fmt.Sprintf("%x", sum)}},
	}
	for _, s := range info.Settings {
		if s.Key == "GOOS" || s.Key == "GOARCH" || strings.HasPrefix(s.Key, "vcs.") {
			self.Properties = append(self.Properties, property{"go:build:" + s.Key, s.Value})
		}
	}
	// What links against what is not in the binary: the program depends on all.
	b := bom{
		Format: "CycloneDX", Spec: "1.6", Version: 1, Metadata: metadata{self},
		// A UUID whose bits are the program's hash, so that the same program has the same number.
		Serial:       fmt.Sprintf("urn:uuid:%x-%x-8%03x-a%03x-%x", sum[0:4], sum[4:6], uint(sum[6])<<4|uint(sum[7])>>4, uint(sum[8])<<4|uint(sum[9])>>4, sum[10:16]),
		Dependencies: []dependency{{Ref: self.Ref}},
	}
	add := func(name, version, sum string) {
		c := component{Type: "library", Name: name, Version: version, PURL: "pkg:golang/" + name + "@" + version}
		c.Ref = c.PURL
		if sum != "" {
			c.Properties = []property{{"go:sum", sum}} // a hash over the module's files, as in go.sum
		}
		b.Components = append(b.Components, c)
		b.Dependencies[0].DependsOn = append(b.Dependencies[0].DependsOn, c.Ref)
		b.Dependencies = append(b.Dependencies, dependency{Ref: c.Ref})
	}
	add("stdlib", strings.TrimPrefix(strings.Fields(info.GoVersion)[0], "go"), "")
	for _, d := range info.Deps {
		if d.Replace != nil {
			d = d.Replace
		}
		add(d.Path, d.Version, d.Sum)
	}
	return b
}
