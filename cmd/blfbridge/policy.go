package main

import (
	"fmt"

	"github.com/spf13/cobra"
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
  blfbridge policy audit`,
	}, newPolicyImport(n), newPolicyExport(n), newPolicyDiff(n), newPolicyAudit(n))
	n.flags(cmd)
	return cmd
}

// things counts what a document lists.
func things(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
