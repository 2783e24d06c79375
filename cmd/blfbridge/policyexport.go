package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"blfbridge/policy"
)

func newPolicyExport(n *connection) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the policy as YAML",
		Long: `Writes the policy in force as YAML, under a comment with its revision. A policy that
holds digest passwords needs the token.` + connectHelp,
		Example: `  blfbridge policy export > policy.yaml
  blfbridge policy export --output policy.yaml --config /etc/blfbridge/blfbridge.yaml`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, revision, from, err := n.exportPolicy(cmd.Context())
			if err != nil {
				return err
			}
			text = append(fmt.Appendf(nil, "# blfbridge policy, revision %d, from %s\n", revision, from), text...)
			if output == "" || output == "-" {
				_, err = n.cli.out.Write(text)
				return err
			}
			return os.WriteFile(output, text, 0o600) // it may hold passwords
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "write to this `FILE` instead of standard output")
	_ = cmd.MarkFlagFilename("output", "yaml", "yml")
	return cmd
}

// exportPolicy asks the server, or the store if there is none.
func (n *connection) exportPolicy(ctx context.Context) (text []byte, revision uint64, from string, err error) {
	cfg, err := n.config()
	if err != nil {
		return nil, 0, "", err
	}
	cl, err := n.client(cfg)
	if err == nil {
		defer cl.Close()
		if text, revision, err = cl.Policy(ctx); err == nil {
			return text, revision, cl.URL(), nil
		}
	}
	if !n.noServer(cfg, err) {
		return nil, 0, "", hint(err)
	}
	d, revision, from, err := n.cli.storedPolicy(ctx, cfg)
	if err != nil {
		return nil, 0, "", storeHint(cfg, err)
	}
	text, err = policy.Marshal(d)
	return text, revision, from, err
}
