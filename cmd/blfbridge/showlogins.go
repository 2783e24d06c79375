package main

import (
	"github.com/spf13/cobra"

	"blfbridge/bridge/admin/client"
	"blfbridge/bridge/admin/show"
)

func newShowLogins(n *connection, asJSON *bool) *cobra.Command {
	var filter client.LoginFilter
	cmd := group(&cobra.Command{
		Use:     "logins",
		Aliases: []string{"login"},
		Short:   "Show who is logged in where",
		Long: `Shows the end users who are logged in on phones (extension mobility), and logins that
the policy does not allow any more, which count for nothing.` + connectHelp,
		Example: `  blfbridge show presence logins
  blfbridge show presence logins --user ann
  blfbridge show presence logins history`,
	}, newLoginHistory(n, asJSON))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cl, err := n.reach()
		if err != nil {
			return err
		}
		defer cl.Close()
		list, err := cl.Logins(cmd.Context(), filter)
		if err != nil {
			return hint(err)
		}
		if *asJSON {
			return writeJSON(n.cli.out, list)
		}
		return show.Logins(n.cli.out, &list)
	}
	f := cmd.Flags()
	f.StringVar(&filter.Tenant, "tenant", "", "only phones of this `TENANT`")
	f.StringVar(&filter.Phone, "phone", "", "only this `PHONE`")
	f.StringVar(&filter.UserID, "user", "", "only this end `USER`")
	return cmd
}

func newLoginHistory(n *connection, asJSON *bool) *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:     "history",
		Short:   "The newest logins and logouts",
		Long:    "Shows the newest logins and logouts, the newest first: when, who did it, and what they put an end to.",
		Example: "  blfbridge show presence logins history --limit 20",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cl, err := n.reach()
			if err != nil {
				return err
			}
			defer cl.Close()
			trail, err := cl.LoginTrail(cmd.Context(), limit)
			if err != nil {
				return hint(err)
			}
			if *asJSON {
				return writeJSON(n.cli.out, trail)
			}
			return show.LoginTrail(n.cli.out, &trail)
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 100, "at most this many, 1 to 1000")
	return cmd
}
