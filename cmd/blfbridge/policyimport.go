package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"blfbridge/bridge/admin"
	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/admin/client"
	"blfbridge/bridge/admin/show"
	"blfbridge/policy"
	"blfbridge/policy/policystore"
)

func newPolicyImport(n *connection) *cobra.Command {
	i := &importer{edits: edits{connection: n}}
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Replace the policy by a YAML file",
		Long: `Replaces the policy by a YAML file (- is standard input), whole or not at all. The file
is checked first, and all that is wrong with it is listed. At a terminal it shows what
would change and asks; --yes does not ask. The server puts the policy in force at once:
subscriptions that it forbids are ended, others are shown more or less. Values that are
beyond CME's ranges are told in a line at the end; they hold all the same.

--if-revision refuses if somebody else has changed the policy since that revision,
which export writes on its first line.` + connectHelp,
		Example: `  blfbridge policy import policy.yaml
  blfbridge policy import policy.yaml --dry-run
  blfbridge policy import policy.yaml --yes --if-revision 7
  blfbridge policy import policy.yaml --config /etc/blfbridge/blfbridge.yaml`,
		Args: exactly("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error { return i.run(cmd, args[0]) },
	}
	i.writeFlags(cmd)
	cmd.Flags().BoolVarP(&i.yes, "yes", "y", false, "do not ask")
	return cmd
}

// maxCME is how many bytes a policy may have that is held against CME's limits, which has
// some hundred phones: a larger one is not read for that.
const maxCME = 8 << 20

type importer struct {
	edits
	yes bool
}

func (i *importer) run(cmd *cobra.Command, file string) error {
	text, err := i.cli.readText(file)
	if err != nil {
		return err
	}
	e := i.edit(cmd)
	if ask := !i.yes && !e.DryRun && !i.asJSON && file != "-" && i.cli.interactive(); ask {
		dry := e
		dry.DryRun = true
		would, _, err := i.send(cmd.Context(), file, text, dry)
		if err != nil {
			return err
		}
		if err := show.Changes(i.cli.out, &would.PolicyDiff, i.cli.paint(i.cli.out)); err != nil {
			return err
		}
		fmt.Fprintf(i.cli.out, "Import %s? [y/N] ", file)
		answer, _ := bufio.NewReader(i.cli.in).ReadString('\n')
		if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
			return errors.New("nothing was changed")
		}
		e.IfRevision = would.Revision // what was shown is what happens
	}
	done, where, err := i.send(cmd.Context(), file, text, e)
	if err != nil {
		return err
	}
	if i.asJSON {
		return writeJSON(i.cli.out, done)
	}
	if err := i.say(file, where, &done); err != nil {
		return err
	}
	if len(text) > maxCME {
		return nil
	}
	d, err := policy.Load(text)
	if err != nil {
		return inFile(file, err)
	}
	if beyond := policy.BeyondCME(d); beyond != "" {
		_, err = fmt.Fprintf(i.cli.out, "CME would not take: %s\n", beyond)
	}
	return err
}

// send lets the server import a file, or writes the store if there is none. What is wrong
// with the file is told before anything else; a server has looked when it takes it.
func (i *importer) send(ctx context.Context, file string, text []byte, e client.Edit) (done api.PolicyImported, where string, err error) {
	var d *policy.Document
	where, err = i.either(ctx, way{
		server: func(cl *client.Client) (err error) {
			done, err = cl.ImportPolicy(ctx, text, e)
			return err
		},
		store: func(ctx context.Context, s policystore.Store) error {
			edited, err := i.local(e, func(*policy.Document) (*policy.Document, error) { return d, nil }).Apply(ctx, s)
			if err == nil {
				done = admin.Imported(edited)
				done.DryRun = e.DryRun
			}
			return err
		},
		check: func() (err error) {
			if d, err = policy.Load(text); err != nil {
				return inFile(file, err)
			}
			return nil
		},
		writes: !e.DryRun,
	})
	return done, where, err
}

func (i *importer) say(file, where string, done *api.PolicyImported) error {
	holds := fmt.Sprintf("%s, %s, %s, %s",
		things(done.Tenants, "tenant"), things(done.Lines, "line"), things(done.Phones, "phone"), things(done.EndUsers, "end user"))
	if !done.DryRun {
		_, err := fmt.Fprintf(i.cli.out, "%s is revision %d, %s: %s; %s\n", file, done.Revision, where, holds, things(done.Total, "change"))
		return err
	}
	if err := show.Changes(i.cli.out, &done.PolicyDiff, i.cli.paint(i.cli.out)); err != nil {
		return err
	}
	_, err := fmt.Fprintf(i.cli.out, "%s could be imported: %s; revision %d stays\n", file, holds, done.Revision)
	return err
}
