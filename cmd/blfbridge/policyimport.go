package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/config"
	"blfbridge/policy"
	"blfbridge/policy/policystore"
)

func newPolicyImport(n *connection) *cobra.Command {
	i := &importer{connection: n}
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Replace the policy by a YAML file",
		Long: `Replaces the policy by a YAML file (- is standard input), whole or not at all. The file
is checked first, and all that is wrong with it is listed. The server puts it in force
at once: subscriptions that it forbids are ended, others are shown more or less.

--if-revision refuses if somebody else has changed the policy since that revision,
which export writes on its first line.` + connectHelp,
		Example: `  blfbridge policy import policy.yaml
  blfbridge policy import policy.yaml --dry-run
  blfbridge policy import policy.yaml --if-revision 7
  blfbridge policy import policy.yaml --config /etc/blfbridge/blfbridge.yaml`,
		Args: exactly("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			i.revision = policystore.AnyRevision
			if cmd.Flags().Changed("if-revision") {
				i.revision = i.ifRevision
			}
			done, where, err := i.importPolicy(cmd.Context(), args[0])
			if errors.Is(err, policystore.ErrConflict) {
				return fmt.Errorf("%w\nNothing was changed. Export the policy again and repeat your change on that, or leave --if-revision out", err)
			}
			if err != nil {
				return err
			}
			return i.say(args[0], where, &done)
		},
	}
	cmd.Flags().BoolVar(&i.dryRun, "dry-run", false, "check only, change nothing")
	cmd.Flags().Uint64Var(&i.ifRevision, "if-revision", 0, "refuse if the stored policy is not of this `REVISION`")
	return cmd
}

type importer struct {
	*connection
	dryRun               bool
	ifRevision, revision uint64
}

// importPolicy lets the server import a file, or writes the store if there is none.
func (i *importer) importPolicy(ctx context.Context, file string) (done api.PolicyImported, where string, err error) {
	text, d, err := i.cli.readPolicy(file)
	if err != nil {
		return done, "", err
	}
	cfg, err := i.config()
	if err != nil {
		return done, "", err
	}
	cl, err := i.client(cfg)
	if err == nil {
		defer cl.Close()
		if done, err = cl.ImportPolicy(ctx, text, i.revision, i.dryRun); err == nil {
			return done, "in force at " + cl.URL(), nil
		}
	}
	if !i.noServer(cfg, err) {
		return done, "", hint(err)
	}
	done, err = i.store(ctx, cfg, d)
	return done, "in the store; no server runs", storeHint(cfg, err)
}

// store imports without a server.
func (i *importer) store(ctx context.Context, cfg *config.Config, d *policy.Document) (done api.PolicyImported, err error) {
	if cfg.Policy.File != "" {
		return done, fmt.Errorf("the policy comes from the file %s (policy.file): change that, or leave policy.file out to keep the policy in the store", cfg.Policy.File)
	}
	if _, err := policy.Compile(d); err != nil {
		return done, err
	}
	done = api.PolicyImported{DryRun: i.dryRun, Tenants: len(d.Tenants)}
	for _, t := range d.Tenants {
		done.Lines, done.Phones, done.EndUsers = done.Lines+len(t.Lines), done.Phones+len(t.Phones), done.EndUsers+len(t.EndUsers)
	}
	if i.dryRun {
		_, stored, _, err := i.cli.storedPolicy(ctx, cfg)
		if err == nil && i.revision != policystore.AnyRevision && i.revision != stored {
			err = fmt.Errorf("%w: it is at revision %d, not %d", policystore.ErrConflict, stored, i.revision)
		}
		done.Revision = stored
		return done, err
	}
	err = withStore(ctx, cfg, func(ctx context.Context, s policystore.Store) (err error) {
		done.Revision, err = s.Import(ctx, d, i.revision)
		return err
	})
	return done, err
}

func (i *importer) say(file, where string, done *api.PolicyImported) error {
	holds := fmt.Sprintf("%s, %s, %s, %s",
		things(done.Tenants, "tenant"), things(done.Lines, "line"), things(done.Phones, "phone"), things(done.EndUsers, "end user"))
	if i.dryRun {
		_, err := fmt.Fprintf(i.cli.out, "%s could be imported: %s; revision %d stays\n", file, holds, done.Revision)
		return err
	}
	_, err := fmt.Fprintf(i.cli.out, "%s is revision %d, %s: %s\n", file, done.Revision, where, holds)
	return err
}
