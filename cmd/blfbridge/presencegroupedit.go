package main

import (
	"errors"

	"github.com/spf13/cobra"

	"blfbridge/bridge/admin"
	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/admin/client"
	"blfbridge/policy"
)

// editing is a command that changes presence groups.
type editing struct {
	*cobra.Command
	server func(*cobra.Command, []string, *client.Client, client.Edit) (api.PolicyChanged, error)
	local  func(d *policy.Document, tenant string, args []string) (*policy.Document, error)
}

// editing completes a command that changes presence groups.
func (g *presenceGroups) editing(e editing) *cobra.Command {
	e.Long += connectHelp
	e.RunE = func(cmd *cobra.Command, args []string) error {
		g.tenant = tenantOf(cmd)
		return g.change(cmd,
			func(cl *client.Client, edit client.Edit) (api.PolicyChanged, error) {
				return e.server(cmd, args, cl, edit)
			},
			func(d *policy.Document) (*policy.Document, error) { return e.local(d, g.tenant, args) })
	}
	g.writeFlags(e.Command)
	return e.Command
}

func (g *presenceGroups) add() *cobra.Command {
	var description string
	cmd := g.editing(editing{
		&cobra.Command{
			Use:     "add GROUP",
			Short:   "Add a presence group",
			Long:    `Adds a presence group. All its relations are "system default" at first.`,
			Example: "  blfbridge group add Board --description 'the board'",
			Args:    exactly("GROUP"),
		},
		func(cmd *cobra.Command, args []string, cl *client.Client, e client.Edit) (api.PolicyChanged, error) {
			return cl.AddGroup(cmd.Context(), e, client.GroupBody{Name: &args[0], Description: &description})
		},
		func(d *policy.Document, tenant string, args []string) (*policy.Document, error) {
			return policy.AddGroup(d, tenant, policy.PresenceGroup{Name: args[0], Description: description})
		},
	})
	cmd.Flags().StringVar(&description, "description", "", "`TEXT` that describes the group")
	return cmd
}

func (g *presenceGroups) copy() *cobra.Command {
	return g.editing(editing{
		&cobra.Command{
			Use:   "copy GROUP NEW",
			Short: "Copy a presence group",
			Long: `Adds a presence group with the description of another, and with what that one may
watch. Who may watch the new one is "system default" at first.`,
			Example:           "  blfbridge group copy Sales Marketing",
			Args:              exactly("GROUP", "NEW"),
			ValidArgsFunction: g.first,
		},
		func(cmd *cobra.Command, args []string, cl *client.Client, e client.Edit) (api.PolicyChanged, error) {
			return cl.CopyGroup(cmd.Context(), e, args[0], args[1])
		},
		func(d *policy.Document, tenant string, args []string) (*policy.Document, error) {
			return policy.CopyGroup(d, tenant, args[0], args[1])
		},
	})
}

func (g *presenceGroups) rename() *cobra.Command {
	return g.editing(editing{
		&cobra.Command{
			Use:               "rename GROUP NEW",
			Short:             "Rename a presence group",
			Long:              "Gives a presence group another name wherever it is named. Standard keeps its name.",
			Example:           "  blfbridge group rename Sales 'Sales Europe'",
			Args:              exactly("GROUP", "NEW"),
			ValidArgsFunction: g.first,
		},
		func(cmd *cobra.Command, args []string, cl *client.Client, e client.Edit) (api.PolicyChanged, error) {
			return cl.ChangeGroup(cmd.Context(), e, args[0], client.GroupBody{Name: &args[1]})
		},
		func(d *policy.Document, tenant string, args []string) (*policy.Document, error) {
			return policy.RenameGroup(d, tenant, args[0], args[1])
		},
	})
}

func (g *presenceGroups) describe() *cobra.Command {
	return g.editing(editing{
		&cobra.Command{
			Use:               "describe GROUP TEXT",
			Short:             "Change the description of a presence group",
			Long:              "Changes the description of a presence group; an empty text takes it away.",
			Example:           "  blfbridge group describe Board 'the board and its assistants'",
			Args:              exactly("GROUP", "TEXT"),
			ValidArgsFunction: g.first,
		},
		func(cmd *cobra.Command, args []string, cl *client.Client, e client.Edit) (api.PolicyChanged, error) {
			return cl.ChangeGroup(cmd.Context(), e, args[0], client.GroupBody{Description: &args[1]})
		},
		func(d *policy.Document, tenant string, args []string) (*policy.Document, error) {
			return policy.DescribeGroup(d, tenant, args[0], args[1])
		},
	})
}

func (g *presenceGroups) delete() *cobra.Command {
	return g.editing(editing{
		&cobra.Command{
			Use:   "delete GROUP ...",
			Short: "Delete presence groups",
			Long: `Deletes presence groups and their relations, all or none. Standard cannot be deleted,
nor a group that something uses: that is listed then.`,
			Example:           "  blfbridge group delete Board Sales",
			Args:              atLeastOne("GROUP"),
			ValidArgsFunction: g.groupNames,
		},
		func(cmd *cobra.Command, args []string, cl *client.Client, e client.Edit) (api.PolicyChanged, error) {
			return cl.DeleteGroups(cmd.Context(), e, args...)
		},
		func(d *policy.Document, tenant string, args []string) (*policy.Document, error) {
			return policy.DeleteGroups(d, tenant, args...)
		},
	})
}

func (g *presenceGroups) relate() *cobra.Command {
	var r client.RelationBody
	cmd := g.editing(editing{
		&cobra.Command{
			Use:   "relate",
			Short: "Relate presence groups",
			Long: `Sets the relation from each of the groups --from to each of the groups --to: may the
members of the one watch those of the other (--subscribe), how much they see (--view),
and whether they may pick up calls (--pickup). What is not given stays.`,
			Example: `  blfbridge group relate --from Board --to Sales,Workers --subscribe allow
  blfbridge group relate --from Sales --to Board --subscribe allow --view state --pickup no
  blfbridge group relate --from Sales --to Board --subscribe system_default`,
			Args: exactly(),
		},
		func(cmd *cobra.Command, _ []string, cl *client.Client, e client.Edit) (api.PolicyChanged, error) {
			return cl.RelateGroups(cmd.Context(), e, r)
		},
		func(d *policy.Document, tenant string, _ []string) (*policy.Document, error) {
			relation, err := admin.ParseRelation(r.From, r.To, r.Subscribe, r.View, r.Pickup)
			if err != nil {
				return nil, err
			}
			return policy.RelateGroups(d, tenant, relation)
		},
	})
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if len(r.From) == 0 || len(r.To) == 0 || r.Subscribe+r.View+r.Pickup == "" {
			return &usageError{cmd, errors.New("--from and --to are needed, and one of --subscribe, --view and --pickup")}
		}
		return nil
	}
	f := cmd.Flags()
	f.StringSliceVar(&r.From, "from", nil, "`GROUPS` of watchers")
	f.StringSliceVar(&r.To, "to", nil, "`GROUPS` of presentities")
	f.StringVar(&r.Subscribe, "subscribe", "", "`PERMISSION`: allow, disallow or system_default")
	f.StringVar(&r.View, "view", "", "`VIEW`: none, state, ringing, name, number or default")
	f.StringVar(&r.Pickup, "pickup", "", "yes, no or default")
	for name, words := range map[string][]string{
		"subscribe": {"allow", "disallow", "system_default"}, "view": {"none", "state", "ringing", "name", "number", "default"}, "pickup": {"yes", "no", "default"},
	} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	}
	_ = cmd.RegisterFlagCompletionFunc("from", g.groupNames)
	_ = cmd.RegisterFlagCompletionFunc("to", g.groupNames)
	return cmd
}
