package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"time"

	"github.com/spf13/cobra"

	"blfbridge/bridge/admin"
	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/admin/client"
	"blfbridge/bridge/admin/show"
	"blfbridge/bridge/config"
	"blfbridge/policy"
	"blfbridge/policy/policystore"
)

// edits is a command that reads or changes the policy: of the running server, or of the
// store if no server runs.
type edits struct {
	*connection
	tenant     string
	dryRun     bool
	ifRevision uint64
	asJSON     bool
}

// writeFlags are those of a command that changes the policy.
func (n *edits) writeFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&n.dryRun, "dry-run", false, "tell what would change, change nothing")
	f.Uint64Var(&n.ifRevision, "if-revision", 0, "refuse if the stored policy is not of this `REVISION`")
	f.BoolVar(&n.asJSON, "json", false, "print JSON, as the admin API tells it")
}

// edit is how a write is meant.
func (n *edits) edit(cmd *cobra.Command) client.Edit {
	e := client.Edit{Tenant: n.tenant, IfRevision: policystore.AnyRevision, DryRun: n.dryRun}
	if cmd.Flags().Changed("if-revision") {
		e.IfRevision = n.ifRevision
	}
	return e
}

// way is how something is done with a server and without one.
type way struct {
	server func(*client.Client) error
	// store is done on the policy's home; document, if store is nil, on a document that is
	// only read.
	store    func(context.Context, policystore.Store) error
	document func(d *policy.Document, revision uint64) error
	// check, if not nil, has the first word on a failure of the server, and on whether the
	// way without one is taken.
	check func() error
	// writes: policy.file must not stand in the way, and a store is made if there is none.
	writes bool
}

// either takes the way with the server, or the other one if none runs, and tells where
// things happened.
func (n *connection) either(ctx context.Context, w way) (where string, err error) {
	cfg, err := n.config()
	if err != nil {
		return "", err
	}
	cl, err := n.client(cfg)
	if err == nil {
		defer cl.Close()
		if err = w.server(cl); err == nil {
			return "in force at " + cl.URL(), nil
		}
	}
	if w.check != nil {
		if bad := w.check(); bad != nil {
			return "", bad
		}
	}
	if !n.noServer(cfg, err) {
		return "", stale(hint(err))
	}
	where, err = n.without(ctx, cfg, w)
	return where, storeHint(cfg, stale(err))
}

func (n *connection) without(ctx context.Context, cfg *config.Config, w way) (where string, err error) {
	where = "in the store; no server runs"
	if cfg.Policy.File != "" && w.store != nil {
		return "", fmt.Errorf("the policy comes from the file %s (policy.file): change that, or leave policy.file out to keep the policy in the store", cfg.Policy.File)
	}
	if w.store != nil {
		if _, err := os.Stat(cfg.Store.Path); w.writes || cfg.Store.Type != "bolt" || err == nil {
			return where, withStore(ctx, cfg, w.store)
		}
		return where, w.store(ctx, emptyStore{}) // looking makes no file
	}
	d, revision, from, err := n.cli.storedPolicy(ctx, cfg)
	if err != nil {
		return "", err
	}
	return "in " + from, w.document(d, revision)
}

// emptyStore is a store that does not exist yet.
type emptyStore struct{ policystore.Store }

func (emptyStore) Load(context.Context) (*policy.Document, uint64, error) {
	return &policy.Document{}, 0, nil
}

func (emptyStore) Audit(context.Context, int) ([]policystore.Entry, error) { return nil, nil }

// local is an edit of the store itself.
func (n *edits) local(e client.Edit, change func(*policy.Document) (*policy.Document, error)) policystore.Edit {
	return policystore.Edit{
		Who: operator(n.cli) + " (command line, no server)", IfRevision: e.IfRevision, DryRun: e.DryRun, Change: change,
		Check: func(d *policy.Document) error { _, err := policy.Compile(d); return err },
	}
}

// change makes a change of the policy and tells of it.
func (n *edits) change(cmd *cobra.Command, server func(*client.Client, client.Edit) (api.PolicyChanged, error), local func(*policy.Document) (*policy.Document, error)) error {
	e := n.edit(cmd)
	var done api.PolicyChanged
	where, err := n.either(cmd.Context(), way{
		server: func(cl *client.Client) (err error) {
			done, err = server(cl, e)
			return err
		},
		store: func(ctx context.Context, s policystore.Store) error {
			edited, err := n.local(e, local).Apply(ctx, s)
			if err == nil {
				done = api.PolicyChanged{PolicyDiff: admin.DiffOf(edited.Revision, edited.Changes), DryRun: e.DryRun}
			}
			return err
		},
		writes: !e.DryRun,
	})
	if err != nil {
		return err
	}
	if n.asJSON {
		return writeJSON(n.cli.out, done)
	}
	if err := show.Changes(n.cli.out, &done.PolicyDiff, n.cli.paint(n.cli.out)); err != nil {
		return err
	}
	if e.DryRun {
		_, err = fmt.Fprintf(n.cli.out, "revision %d stays\n", done.Revision)
		return err
	}
	_, err = fmt.Fprintf(n.cli.out, "revision %d, %s\n", done.Revision, where)
	return err
}

// operator is the person at the command line, for the audit trail.
func operator(c *cli) string {
	for _, name := range []string{"SUDO_USER", "USER", "LOGNAME"} {
		if v := c.getenv(name); v != "" {
			return v
		}
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return fmt.Sprintf("uid %d", os.Getuid())
}

// completionTime bounds what the shell waits for names from the server.
const completionTime = 2 * time.Second

// names completes from the running server, and says nothing if there is none.
func (n *connection) names(list func(context.Context, *client.Client, string) ([]string, error)) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
		defer cancel()
		cl, err := n.reach()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer cl.Close()
		out, err := list(ctx, cl, begun)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// stale adds to a conflict what would mend it on the command line.
func stale(err error) error {
	if errors.Is(err, policystore.ErrConflict) {
		return fmt.Errorf("%w\nNothing was changed. Export the policy again and repeat your change on that, or leave --if-revision out", err)
	}
	return err
}

// reading is a command that only reads the policy.
type reading struct {
	server   func(context.Context, *client.Client) error
	document func(d *policy.Document, revision uint64) error
	// json is what the two have filled, text writes it for people.
	json any
	text func() error
}

func (n *edits) readFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&n.asJSON, "json", false, "print JSON, as the admin API tells it")
}

func (n *edits) read(cmd *cobra.Command, r reading) error {
	n.tenant = tenantOf(cmd)
	_, err := n.either(cmd.Context(), way{
		server:   func(cl *client.Client) error { return r.server(cmd.Context(), cl) },
		document: r.document,
	})
	if err != nil {
		return err
	}
	if n.asJSON {
		return writeJSON(n.cli.out, r.json)
	}
	return r.text()
}
