// Command replicas drives random faults against several real blfbridge processes on one
// Redis, and checks what their phones saw:
//
//	go run ./scripts/replicas --for 1h
//
// It tells the seed, each fault, and in the end the faults of each kind with their worst times.
// What it checks is said at replicatest.Run. After a violation the exit code is 1, and what
// happened around it is told; the same --seed plays the same faults.
package main

import (
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"blfbridge/bridge/replicatest"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "replicas:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	f := flag.NewFlagSet("replicas", flag.ContinueOnError)
	o := replicatest.Options{Progress: out}
	f.DurationVar(&o.For, "for", 2*time.Minute, "how `long` faults are played")
	f.Uint64Var(&o.Seed, "seed", rand.Uint64N(1_000_000), "`number` that chooses them")
	f.IntVar(&o.Phones, "phones", 200, "how `many` phones watch")
	f.IntVar(&o.Config.Replicas, "replicas", 3, "how `many` replicas there are")
	f.IntVar(&o.Config.Lines, "lines", 40, "how `many` lines the PBX has")
	f.DurationVar(&o.Config.Lease, "lease", time.Second, "replicas.`lease`")
	f.StringVar(&o.Config.Tags, "tags", "", "build `tags` of the replicas: nofencing, noreservation or norepair must make this fail")
	only := f.String("only", "", "`kinds` of faults, comma-separated; default all")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *only != "" {
		o.Only = strings.Split(*only, ",")
	}
	defer replicatest.Discard()
	return replicatest.Stage(out, func(t replicatest.T) { replicatest.Run(t, o) })
}
