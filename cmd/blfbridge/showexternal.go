package main

import (
	"time"

	"github.com/spf13/cobra"

	"blfbridge/bridge/admin/show"
)

func newShowExternal(n *connection, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use:   "external",
		Short: "Show the lines of other systems that are watched",
		Long: `Shows the lines of other systems that are watched over SIP trunks: the trunk in use or
being tried, how many subscriptions of watchers it feeds, the seconds until the one to
the other system expires, and how it stands.` + connectHelp,
		Example: `  blfbridge show presence external
  blfbridge show presence external --json`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cl, err := n.reach()
			if err != nil {
				return err
			}
			defer cl.Close()
			list, err := cl.External(cmd.Context())
			if err != nil {
				return hint(err)
			}
			if *asJSON {
				return writeJSON(n.cli.out, list)
			}
			return show.External(n.cli.out, &list, time.Now())
		},
	}
}
