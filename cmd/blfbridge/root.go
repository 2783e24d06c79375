package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// usageError is a command line that cannot be understood.
type usageError struct {
	cmd *cobra.Command
	err error
}

func (e *usageError) Error() string { return e.err.Error() }

func (e *usageError) Unwrap() error { return e.err }

// run executes a command line and returns the exit code.
func run(c *cli, args []string) int {
	root := newRoot(c)
	root.SetArgs(args)
	root.SetIn(c.in)
	root.SetOut(c.out)
	root.SetErr(c.err)
	cmd, err := root.ExecuteC()
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(c.err, "blfbridge: "+strings.ReplaceAll(err.Error(), "\n", "\n  "))
	var usage *usageError
	if !errors.As(err, &usage) && !strings.HasPrefix(err.Error(), "unknown command ") {
		return exitFailure
	}
	if usage != nil {
		cmd = usage.cmd
	}
	fmt.Fprintf(c.err, "Run '%s --help' for its usage.\n", cmd.CommandPath())
	return exitUsage
}

func newRoot(c *cli) *cobra.Command {
	root := &cobra.Command{
		Use:   "blfbridge",
		Short: "Busy lamp fields for Asterisk and FreeSWITCH",
		Long: `blfbridge shows phones what other phones do. It follows Asterisk (ARI) and
FreeSWITCH (event socket), and serves busy lamp fields to phones of any make over
SIP SUBSCRIBE and NOTIFY, to those who may watch.

Exit codes: 0 success, 1 failure, 2 a command line that cannot be understood.`,
		Example: `  blfbridge config defaults > blfbridge.yaml
  blfbridge config check blfbridge.yaml
  blfbridge serve --config blfbridge.yaml
  blfbridge show presence subscription
  blfbridge explain 201 101`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return &usageError{cmd, err} })
	root.AddCommand(newServe(c), newConfig(c), newPolicy(c), newPresenceGroup(c), newApply(c), newShow(c), newDebug(c), newExplain(c), newPBXConfig(c), newDoctor(c), newWatch(c), newLogin(c), newLogout(c), newVersion(c), newDemo(c), newBench(c), newBenchServer(c))
	return root
}

// group makes a command that only holds others.
func group(cmd *cobra.Command, children ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(children...)
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		hint := ""
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			hint = fmt.Sprintf(", did you mean %q?", near[0])
		}
		return &usageError{cmd, fmt.Errorf("unknown command %q for %q%s", args[0], cmd.CommandPath(), hint)}
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.SuggestionsMinimumDistance = 2
	return cmd
}

// exactly wants these arguments.
func exactly(names ...string) cobra.PositionalArgs { return between(len(names), names...) }

// between wants these arguments, of which the first least are required.
func between(least int, names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return &usageError{cmd, fmt.Errorf("%s is missing", strings.Join(names[len(args):least], " and "))}
		case len(args) > len(names):
			return &usageError{cmd, fmt.Errorf("%q is too much", args[len(names)])}
		}
		return nil
	}
}

// atLeastOne wants one argument or more.
func atLeastOne(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return &usageError{cmd, fmt.Errorf("%s is missing", name)}
		}
		return nil
	}
}
