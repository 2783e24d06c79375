package main

import (
	"github.com/spf13/cobra"

	"blfbridge/bridge/admin/show"
)

func newShowCluster(n *connection, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use:   "cluster",
		Short: "Show who owns what of several replicas",
		Long: `Shows the replicas that share one Redis: how long ago each was heard of, what it has and
took over, who is connected to each PBX and under which lease, and how far each replica
is behind that. What a replica tells of itself is at most a second old.` + connectHelp,
		Example: `  blfbridge show cluster
  blfbridge show cluster --json`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cl, err := n.reach()
			if err != nil {
				return err
			}
			defer cl.Close()
			v, err := cl.Cluster(cmd.Context())
			if err != nil {
				return hint(err)
			}
			if *asJSON {
				return writeJSON(n.cli.out, v)
			}
			return show.Cluster(n.cli.out, &v)
		},
	}
}
