package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"blfbridge/bridge/admin"
	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/admin/client"
	"blfbridge/bridge/admin/show"
	"blfbridge/policy"
	"blfbridge/policy/policystore"
)

func newPolicyDiff(n *connection) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "diff FILE",
		Short: "Tell what importing a YAML file would change",
		Long: `Compares a YAML file (- is standard input) with the policy in force, and tells what
importing it would change; of passwords only that they differ. Nothing is changed.` + connectHelp,
		Example: `  blfbridge policy diff policy.yaml
  blfbridge policy diff policy.yaml --json`,
		Args: exactly("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, next, err := n.cli.readPolicy(args[0])
			if err != nil {
				return err
			}
			var diff api.PolicyDiff
			_, err = n.either(cmd.Context(), way{
				server: func(cl *client.Client) (err error) {
					diff, err = cl.DiffPolicy(cmd.Context(), text)
					return err
				},
				document: func(d *policy.Document, revision uint64) error {
					diff = admin.DiffOf(revision, policy.Diff(d, next))
					return nil
				},
			})
			switch {
			case err != nil:
				return err
			case asJSON:
				return writeJSON(n.cli.out, diff)
			}
			return show.Changes(n.cli.out, &diff, n.cli.paint(n.cli.out))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, as the admin API tells it")
	return cmd
}

func newPolicyAudit(n *connection) *cobra.Command {
	var (
		asJSON bool
		limit  int
	)
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Show who changed what of the policy",
		Long: fmt.Sprintf(`Shows the changes of the policy, the newest first: revision, when, who, and a line for
each change. The newest %d are kept.`, policystore.MaxEntries) + connectHelp,
		Example: `  blfbridge policy audit
  blfbridge policy audit --limit 5 --json`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 || limit > policystore.MaxEntries {
				return &usageError{cmd, fmt.Errorf("--limit %d is not possible: 1 to %d", limit, policystore.MaxEntries)}
			}
			var trail api.AuditTrail
			_, err := n.either(cmd.Context(), way{
				server: func(cl *client.Client) (err error) {
					trail, err = cl.PolicyAudit(cmd.Context(), limit)
					return err
				},
				store: func(ctx context.Context, s policystore.Store) error {
					entries, err := s.Audit(ctx, limit)
					trail = admin.Audit(entries)
					return err
				},
			})
			switch {
			case err != nil:
				return err
			case asJSON:
				return writeJSON(n.cli.out, trail)
			}
			return show.Audit(n.cli.out, &trail, n.cli.paint(n.cli.out))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, as the admin API tells it")
	cmd.Flags().IntVar(&limit, "limit", 20, "show the newest `N` changes")
	return cmd
}
