// Command blfbridge shows phones what other phones do: it serves busy lamp fields for
// Asterisk and FreeSWITCH over SIP SUBSCRIBE and NOTIFY.
package main

import (
	"io"
	"os"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	os.Exit(run(&cli{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.LookupEnv}, os.Args[1:]))
}

// cli is what a command sees of the outside.
type cli struct {
	in       io.Reader
	out, err io.Writer
	env      func(string) (string, bool)
}

// getenv is an environment variable, "" if it is not set.
func (c *cli) getenv(name string) string {
	v, _ := c.env(name)
	return v
}
