package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/admin/client"
)

func newLogin(c *cli) *cobra.Command {
	n := &connection{cli: c}
	var in api.LogIn
	cmd := &cobra.Command{
		Use:   "login PHONE USER",
		Short: "Log an end user in on a phone (extension mobility)",
		Long: `Logs an end user in on a phone, and out of every other one. The phone watches as that
user from then on: presence group and calling search space are the user's, buttons and
lines those of the device profile. Standing subscriptions follow at once. PHONE is the
name of a phone of the policy, or a number by which it is known; it needs
extension_mobility, and USER a device profile.` + connectHelp,
		Example: `  blfbridge login SEP00115A000001 ann
  blfbridge login 1001 ann --profile travel
  blfbridge login 1001 ann --tenant shop`,
		Args: exactly("PHONE", "USER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cl, err := n.reach()
			if err != nil {
				return err
			}
			defer cl.Close()
			in.Phone, in.UserID = args[0], args[1]
			done, err := cl.LogIn(cmd.Context(), in)
			if err != nil {
				return hint(err)
			}
			more := ""
			if done.Replaced != "" {
				more += fmt.Sprintf("; %s is logged out there", done.Replaced)
			}
			if done.Left != "" {
				more += fmt.Sprintf("; logged out of %s", done.Left)
			}
			_, err = fmt.Fprintf(c.out, "%s is logged in on %s with device profile %s%s\n", done.UserID, done.Phone, done.Profile, more)
			return err
		},
		ValidArgsFunction: n.completePhones,
	}
	n.flags(cmd)
	cmd.Flags().StringVar(&in.Tenant, "tenant", "", "`TENANT` of the phone; without it the default tenant")
	cmd.Flags().StringVar(&in.Profile, "profile", "", "one of the user's device profiles; without it the first `PROFILE`")
	return cmd
}

func newLogout(c *cli) *cobra.Command {
	n := &connection{cli: c}
	var in api.LogOut
	cmd := &cobra.Command{
		Use:   "logout PHONE",
		Short: "Log out whoever is logged in on a phone",
		Long: `Logs out the end user who is logged in on a phone. Its logout profile is in force again,
or its own settings if it has none. Standing subscriptions follow at once.` + connectHelp,
		Example: `  blfbridge logout SEP00115A000001
  blfbridge logout 1001 --tenant shop`,
		Args: exactly("PHONE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cl, err := n.reach()
			if err != nil {
				return err
			}
			defer cl.Close()
			in.Phone = args[0]
			done, err := cl.LogOut(cmd.Context(), in)
			if err != nil {
				return hint(err)
			}
			_, err = fmt.Fprintf(c.out, "%s is logged out of %s\n", done.UserID, done.Phone)
			return err
		},
		ValidArgsFunction: n.completePhones,
	}
	n.flags(cmd)
	cmd.Flags().StringVar(&in.Tenant, "tenant", "", "`TENANT` of the phone; without it the default tenant")
	return cmd
}

// completePhones offers the phones where somebody is logged in, for the first argument.
func (n *connection) completePhones(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	cl, err := n.reach()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer cl.Close()
	list, err := cl.Logins(cmd.Context(), client.LoginFilter{})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	for _, l := range list.Logins {
		out = append(out, l.Phone+"\t"+l.UserID)
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
