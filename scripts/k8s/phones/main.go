// Command phones watches a line from outside a cluster while things happen in it, and measures what its lamps showed.
//
//	phones -bridge HOST:PORT -pbx HOST:PORT [-udp N] [-tcp N] [-from ADDRESS,...] <STEPS
//
// Two phones call each other at the PBX all the time; the others watch the called one through the bridge, over UDP and TCP, and
// refresh as phones do. Each line of STEPS is "NAME: COMMAND" or "NAME [SECONDS]: COMMAND": the command is run by a shell, and how long
// any lamp was wrong from its start on is held to the seconds, default 2. "NAME [-]: COMMAND" measures only. The table at the end has a
// line for each step. The exit status is 1 where a command failed, a lamp was wrong for longer, a subscription was lost or a NOTIFY
// broke a rule.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"
)

// settings is the command line.
type settings struct {
	bridge, pbx string
	udp, tcp    int
	from        []string
	settle      time.Duration
}

func main() {
	var s settings
	flag.StringVar(&s.bridge, "bridge", "", "where the watching phones subscribe")
	flag.StringVar(&s.pbx, "pbx", "", "where the calling phones are registered")
	flag.IntVar(&s.udp, "udp", 12, "watching phones over UDP")
	flag.IntVar(&s.tcp, "tcp", 12, "watching phones over TCP")
	from := flag.String("from", "127.0.0.1", "local addresses, which the watching phones have in turns")
	flag.DurationVar(&s.settle, "settle", 6*time.Second, "how long each step is watched after its command's end")
	flag.Parse()
	s.from = strings.Split(*from, ",")
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	ok, err := run(ctx, s, os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, "phones:", err)
		os.Exit(1)
	}
	if !ok {
		os.Exit(1)
	}
}
