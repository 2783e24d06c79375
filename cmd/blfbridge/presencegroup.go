package main

import (
	"context"

	"github.com/spf13/cobra"

	"blfbridge/bridge/admin"
	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/admin/client"
	"blfbridge/bridge/admin/show"
	"blfbridge/policy"
)

// presenceGroups are the commands on presence groups.
type presenceGroups struct{ edits }

func newPresenceGroup(c *cli) *cobra.Command {
	n := &connection{cli: c}
	var tenant string
	in := func() *presenceGroups { return &presenceGroups{edits{connection: n}} }
	cmd := group(&cobra.Command{
		Use:   "group",
		Short: "Find and change presence groups",
		Long: `Finds, adds, copies, renames, describes, deletes and relates presence groups, as the
Presence Group windows of CUCM do. It goes through the running server. If none answers,
the store of --config is read or written itself.` + connectHelp,
		Example: `  blfbridge group list
  blfbridge group add Board --description 'the board'
  blfbridge group relate --from Board --to Sales,Workers --subscribe allow
  blfbridge group delete Board`,
	}, in().list(), in().show(), in().dependents(), in().add(), in().copy(), in().rename(), in().describe(), in().delete(), in().relate())
	n.flags(cmd)
	cmd.PersistentFlags().StringVar(&tenant, "tenant", "", "the `TENANT`; left out: the policy's default one")
	_ = cmd.RegisterFlagCompletionFunc("tenant", n.names(tenantNames))
	return cmd
}

func tenantNames(ctx context.Context, cl *client.Client, _ string) ([]string, error) {
	list, err := cl.Tenants(ctx)
	return list.Tenants, err
}

// tenantOf is --tenant of the command's parent.
func tenantOf(cmd *cobra.Command) string {
	tenant, _ := cmd.Flags().GetString("tenant")
	return tenant
}

// groupNames completes names of presence groups.
func (g *presenceGroups) groupNames(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	return g.names(func(ctx context.Context, cl *client.Client, begun string) (out []string, err error) {
		list, err := cl.FindGroups(ctx, tenantOf(cmd), policy.GroupQuery{Match: "begins", Text: begun})
		for _, x := range list.Groups {
			out = append(out, x.Name)
		}
		return out, err
	})(cmd, args, begun)
}

// first completes the first argument only.
func (g *presenceGroups) first(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return g.groupNames(cmd, args, begun)
}

func (g *presenceGroups) list() *cobra.Command {
	var q policy.GroupQuery
	cmd := &cobra.Command{
		Use:   "list [TEXT]",
		Short: "Find presence groups",
		Long: `Lists the presence groups whose name (or --field description) matches TEXT, with how
many things use each. --match is begins, contains, ends or exact, perhaps with "not"
before it. --within searches only among these groups: within results.` + connectHelp,
		Example: `  blfbridge group list
  blfbridge group list sales --match begins
  blfbridge group list floor --field description --match 'not contains' --json`,
		Args:              between(0, "TEXT"),
		ValidArgsFunction: g.first,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				q.Text = args[0]
			}
			var list api.PresenceGroupList
			return g.read(cmd, reading{
				server: func(ctx context.Context, cl *client.Client) (err error) {
					list, err = cl.FindGroups(ctx, g.tenant, q)
					return err
				},
				document: func(d *policy.Document, revision uint64) (err error) {
					list, err = admin.Groups(d, g.tenant, q)
					list.Revision = revision
					return err
				},
				json: &list,
				text: func() error { return show.Groups(g.cli.out, &list) },
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&q.Field, "field", "name", "where to look: name or description")
	f.StringVar(&q.Match, "match", "contains", "how TEXT matches")
	f.StringSliceVar(&q.Within, "within", nil, "only among these `GROUPS`")
	_ = cmd.RegisterFlagCompletionFunc("field", cobra.FixedCompletions([]string{"name", "description"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("match", cobra.FixedCompletions(
		[]string{"begins", "contains", "ends", "exact", "not begins", "not contains", "not ends", "not exact"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("within", g.groupNames)
	g.readFlags(cmd)
	return cmd
}

func (g *presenceGroups) show() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show GROUP",
		Short: "Show a presence group and its relations",
		Long: `Shows a presence group, what its members may watch, and whose members may watch them.
Relations that are "system default" are not listed.` + connectHelp,
		Example:           "  blfbridge group show Board",
		Args:              exactly("GROUP"),
		ValidArgsFunction: g.first,
		RunE: func(cmd *cobra.Command, args []string) error {
			var out api.PresenceGroupDetails
			return g.read(cmd, reading{
				server: func(ctx context.Context, cl *client.Client) (err error) {
					out, err = cl.Group(ctx, g.tenant, args[0])
					return err
				},
				document: func(d *policy.Document, revision uint64) (err error) {
					out, err = admin.Group(d, g.tenant, args[0])
					out.Revision = revision
					return err
				},
				json: &out,
				text: func() error { return show.Group(g.cli.out, &out, g.cli.paint(g.cli.out)) },
			})
		},
	}
	g.readFlags(cmd)
	return cmd
}

func (g *presenceGroups) dependents() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dependents GROUP ...",
		Short: "Show the dependency records of presence groups",
		Long: `Shows what uses presence groups: lines, phones, trunks, users and device profiles. What
names no group is in Standard.` + connectHelp,
		Example:           "  blfbridge group dependents Board Sales",
		Args:              atLeastOne("GROUP"),
		ValidArgsFunction: g.groupNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			var list api.DependencyRecords
			return g.read(cmd, reading{
				server: func(ctx context.Context, cl *client.Client) (err error) {
					list, err = cl.Dependents(ctx, g.tenant, args...)
					return err
				},
				document: func(d *policy.Document, revision uint64) (err error) {
					list, err = admin.Dependents(d, g.tenant, args...)
					list.Revision = revision
					return err
				},
				json: &list,
				text: func() error { return show.Dependents(g.cli.out, &list) },
			})
		},
	}
	g.readFlags(cmd)
	return cmd
}
