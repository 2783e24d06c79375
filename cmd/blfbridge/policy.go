package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"blfbridge/policy"
)

func newPolicy(c *cli) *cobra.Command {
	n := &connection{cli: c}
	cmd := group(&cobra.Command{
		Use:   "policy",
		Short: "Import, export and compare who may watch whom",
		Long: `Imports, exports and compares the policy document: who may watch whom, in the words of
CUCM. It goes through the running server. If none answers, the store of --config is
read or written itself.` + connectHelp,
		Example: `  blfbridge policy export > policy.yaml
  blfbridge policy diff policy.yaml
  blfbridge policy import policy.yaml
  blfbridge policy audit
  blfbridge policy doc > policy.md`,
	}, newPolicyImport(n), newPolicyExport(n), newPolicyDiff(n), newPolicyAudit(n), newPolicyDoc())
	n.flags(cmd)
	return cmd
}

func newPolicyDoc() *cobra.Command {
	return &cobra.Command{
		Use:   "doc",
		Short: "Print the description of every key",
		Long: `Prints the description of every key of the policy document, in Markdown: type and range,
default, the name that CUCM or CME has for it, and meaning.`,
		Example: "  blfbridge policy doc > policy.md",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(cmd.OutOrStdout(), policy.Reference())
			return err
		},
	}
}

// things counts what a document lists.
func things(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
