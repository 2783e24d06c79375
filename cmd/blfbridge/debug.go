package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/admin/client"
	"blfbridge/bridge/admin/show"
	"blfbridge/bridge/trace"
)

func newDebug(c *cli) *cobra.Command {
	n := &connection{cli: c}
	cmd := group(&cobra.Command{
		Use:     "debug",
		Short:   "Follow what a running server does",
		Long:    "Follows what a running server does, as the debug commands of Cisco Unified CME do." + connectHelp,
		Example: "  blfbridge debug presence",
	}, newDebugPresence(n))
	n.flags(cmd)
	return cmd
}

// errEnough ends a trace that has shown as much as was asked for.
var errEnough = errors.New("enough")

func newDebugPresence(n *connection) *cobra.Command {
	var (
		f      client.TraceFilter
		count  int
		during time.Duration
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "presence [KIND]",
		Short: "Live trace of SUBSCRIBEs, decisions and NOTIFYs",
		Long: `Shows what happens until it is interrupted, also of one phone only. KIND is

  event    SUBSCRIBEs, why they are allowed or refused, and NOTIFYs (the default)
  errors   refusals, NOTIFYs that were not taken, warnings
  trace    SIP messages whole, in and out, without credentials
  xml      NOTIFYs with their bodies
  timer    retransmissions, timeouts and expiry
  asnl     decisions and timers, without SIP messages
  info     what the log says
  all      everything, also of the PBXs

A reader that is too slow is dropped and told so. While nobody traces it costs nothing.` + connectHelp,
		Example: `  blfbridge debug presence
  blfbridge debug presence errors --phone SEP0004F2AABBCC
  blfbridge debug presence trace --phone 192.168.1.20 --presentity 101
  blfbridge debug presence all --for 10s --json`,
		Args:              between(0, "KIND"),
		ValidArgsFunction: cobra.FixedCompletions(trace.Kinds, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				f.Kind = args[0]
			}
			if err := (&trace.Filter{Kind: f.Kind}).Check(); err != nil {
				return &usageError{cmd, err}
			}
			cl, err := n.reach()
			if err != nil {
				return err
			}
			defer cl.Close()
			ctx, cancel := context.WithCancel(cmd.Context())
			if during > 0 {
				ctx, cancel = context.WithTimeout(cmd.Context(), during)
			}
			defer cancel()
			paint := n.cli.paint(n.cli.out)
			err = cl.Trace(ctx, f, func(b api.TraceBegin) {
				if !asJSON {
					fmt.Fprintf(n.cli.err, "presence %s debugging is on; interrupt ends it\n", b.Kind)
				}
			}, func(e api.TraceEvent) error {
				write := func() error { return show.Trace(n.cli.out, &e, paint) }
				if asJSON {
					write = func() error { return writeJSON(n.cli.out, e) }
				}
				if err := write(); err != nil {
					return err
				}
				if count--; count == 0 {
					return errEnough
				}
				return nil
			})
			if errors.Is(err, errEnough) {
				return nil
			}
			return hint(err)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.Phone, "phone", "", "only this `PHONE` or watcher: name, number, user id or IP address")
	fl.StringVar(&f.Presentity, "presentity", "", "only who watches this `NUMBER`")
	fl.StringVar(&f.Tenant, "tenant", "", "the `TENANT` of --phone; left out: the policy's default one")
	fl.IntVar(&count, "count", 0, "end after `N` events")
	fl.DurationVar(&during, "for", 0, "end after this `TIME`")
	fl.BoolVar(&asJSON, "json", false, "print JSON, as the admin API tells it")
	_ = cmd.RegisterFlagCompletionFunc("phone", n.assigned("phone"))
	_ = cmd.RegisterFlagCompletionFunc("presentity", n.assigned("line"))
	_ = cmd.RegisterFlagCompletionFunc("tenant", n.names(tenantNames))
	return cmd
}
