// Command oci packs folders as a container image, without an engine and the same way each time: the same content gives the same
// bytes, whatever the machine, the user and the time.
//
//	go run ./scripts/oci -o image.tar -name NAME:TAG [-user UID:GID] [-dir DIR] [-cmd ARG]... [-label KEY=VALUE]... -entry PROGRAM PLATFORM=FOLDER...
//
// A PLATFORM is linux/amd64 or linux/arm64; its FOLDER is the image's whole file system. The archive is an OCI image layout
// (OCI Image Specification 1.1) with one index over all platforms: what ctr, skopeo, crane, podman and docker load (25 and later) take.
// It prints the digest of the index.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
)

// list is a flag that may be given several times.
type list []string

func (l *list) String() string     { return strings.Join(*l, " ") }
func (l *list) Set(v string) error { *l = append(*l, v); return nil }

func main() {
	var im image
	var labels list
	out := flag.String("o", "", "archive to write")
	flag.StringVar(&im.name, "name", "", "NAME:TAG")
	flag.StringVar(&im.entry, "entry", "", "program that the container runs")
	flag.StringVar(&im.user, "user", "", "UID:GID that it runs as; empty is root")
	flag.StringVar(&im.dir, "dir", "/", "folder that it runs in")
	flag.Var((*list)(&im.cmd), "cmd", "default argument; may be given several times")
	flag.Var(&labels, "label", "KEY=VALUE; may be given several times")
	flag.Parse()
	if err := run(im, labels, *out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "oci:", err)
		os.Exit(1)
	}
}

func run(im image, labels []string, out string, args []string) error {
	if out == "" || im.entry == "" || !strings.Contains(im.name, ":") || len(args) == 0 {
		return fmt.Errorf("-o, -name NAME:TAG, -entry and at least one PLATFORM=FOLDER are needed")
	}
	im.labels = map[string]string{}
	for _, l := range labels {
		key, value, ok := strings.Cut(l, "=")
		if !ok {
			return fmt.Errorf("-label %s: want KEY=VALUE", l)
		}
		im.labels[key] = value
	}
	slices.Sort(args) // the order of the index does not depend on the command line
	for _, a := range args {
		platform, folder, ok := strings.Cut(a, "=")
		system, arch, two := strings.Cut(platform, "/")
		if !ok || !two {
			return fmt.Errorf("%s: want PLATFORM=FOLDER, such as linux/amd64=build/amd64", a)
		}
		im.roots = append(im.roots, root{os: system, arch: arch, folder: folder})
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	digest, err := im.write(f)
	if err = firstOf(err, f.Close()); err != nil {
		os.Remove(out) // half an archive is worse than none
		return err
	}
	fmt.Println(digest)
	return nil
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
