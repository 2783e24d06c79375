package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/admin/client"
	"blfbridge/bridge/admin/show"
)

func newShow(c *cli) *cobra.Command {
	n := &connection{cli: c}
	var asJSON bool
	cmd := group(&cobra.Command{
		Use:   "show",
		Short: "Show what a running server does",
		Long:  "Shows what a running server does, as the show commands of Cisco Unified CME do." + connectHelp,
		Example: `  blfbridge show presence subscription
  blfbridge show presence global`,
	}, group(&cobra.Command{
		Use:   "presence",
		Short: "Show subscriptions and global settings",
		Long:  "Shows who watches what, and the settings that hold for all watchers." + connectHelp,
		Example: `  blfbridge show presence subscription
  blfbridge show presence subscription details
  blfbridge show presence global --json`,
	}, newShowSubscription(n, &asJSON), newShowExternal(n, &asJSON), newShowGlobal(n, &asJSON), newShowLogins(n, &asJSON)), newShowCluster(n, &asJSON))
	n.flags(cmd)
	cmd.PersistentFlags().BoolVar(&asJSON, "json", false, "print JSON, as the admin API tells it")
	return cmd
}

func newShowGlobal(n *connection, asJSON *bool) *cobra.Command {
	var tenant string
	cmd := &cobra.Command{
		Use:   "global",
		Short: "Show the settings that hold for all watchers",
		Long:  "Shows the settings that hold for all watchers, in the fields of CME." + connectHelp,
		Example: `  blfbridge show presence global
  blfbridge show presence global --url http://127.0.0.1:8080 --json`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cl, err := n.reach()
			if err != nil {
				return err
			}
			defer cl.Close()
			g, err := cl.Presence(cmd.Context(), tenant)
			if err != nil {
				return hint(err)
			}
			if *asJSON {
				return writeJSON(n.cli.out, g)
			}
			return show.Global(n.cli.out, &g)
		},
	}
	cmd.Flags().StringVar(&tenant, "tenant", "", "whose presence server is shown: a `TENANT`; left out: the policy's default one")
	_ = cmd.RegisterFlagCompletionFunc("tenant", n.names(tenantNames))
	return cmd
}

// shownSubscriptions is one form of show presence subscription.
type shownSubscriptions struct {
	*connection
	asJSON *bool
	filter client.SubscriptionFilter
	write  func(w io.Writer, list *api.SubscriptionList) error
	// missing is said if nothing matches; empty: an empty table is shown.
	missing string
}

func (s shownSubscriptions) run(cmd *cobra.Command) error {
	cl, err := s.reach()
	if err != nil {
		return err
	}
	defer cl.Close()
	list, err := cl.Subscriptions(cmd.Context(), s.filter)
	if err != nil {
		return hint(err)
	}
	if len(list.Subscriptions) == 0 && s.missing != "" {
		return errors.New(s.missing)
	}
	if *s.asJSON {
		return writeJSON(s.cli.out, list)
	}
	return s.write(s.cli.out, &list)
}

func newShowSubscription(n *connection, asJSON *bool) *cobra.Command {
	var filter client.SubscriptionFilter
	form := func(write func(io.Writer, *api.SubscriptionList) error) shownSubscriptions {
		return shownSubscriptions{connection: n, asJSON: asJSON, filter: filter, write: write}
	}
	cmd := group(&cobra.Command{
		Use:     "subscription",
		Aliases: []string{"subscriptions"},
		Short:   "Show who watches what",
		Long: `Shows the subscriptions of watchers, in the columns of CME: the watcher at its
address, what it watches, the subscription's id, the seconds until it expires, the id
of the subscription to another system that feeds it (0: a line of our own PBXs), and
what the watcher is shown. Without a further word it is the summary.` + connectHelp,
		Example: `  blfbridge show presence subscription
  blfbridge show presence subscription --watcher 201
  blfbridge show presence subscription details
  blfbridge show presence subscription presentity 101
  blfbridge show presence subscription subid 1k9zq3x7a2b4c`,
	}, &cobra.Command{
		Use:     "summary",
		Short:   "A line for each subscription",
		Long:    "Shows a line for each subscription.",
		Example: "  blfbridge show presence subscription summary --tenant shop.example",
		Args:    exactly(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return form(show.Summary).run(cmd) },
	}, &cobra.Command{
		Use:     "details",
		Short:   "Each subscription at length",
		Long:    "Shows each subscription at length.",
		Example: "  blfbridge show presence subscription details --watcher 192.168.1.20",
		Args:    exactly(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return form(show.Details).run(cmd) },
	}, &cobra.Command{
		Use:     "presentity NUMBER",
		Short:   "The subscriptions to one number",
		Long:    "Shows the subscriptions to one number, however it is written.",
		Example: "  blfbridge show presence subscription presentity 101",
		Args:    exactly("NUMBER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			f := form(show.Summary)
			f.filter.Presentity = args[0]
			return f.run(cmd)
		},
	}, &cobra.Command{
		Use:     "subid ID",
		Short:   "One subscription at length",
		Long:    "Shows one subscription at length.",
		Example: "  blfbridge show presence subscription subid 1k9zq3x7a2b4c",
		Args:    exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			f := form(show.Details)
			f.filter.ID, f.missing = args[0], fmt.Sprintf("there is no subscription %s: 'blfbridge show presence subscription' lists them", args[0])
			return f.run(cmd)
		},
	})
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return form(show.Summary).run(cmd) }
	f := cmd.PersistentFlags()
	f.StringVar(&filter.Tenant, "tenant", "", "only watchers or lines of this `TENANT`")
	f.StringVar(&filter.Watcher, "watcher", "", "only this `WATCHER`: name, number, URI or address")
	return cmd
}
