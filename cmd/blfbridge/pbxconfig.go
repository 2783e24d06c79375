package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"blfbridge/bridge/config"
	"blfbridge/bridge/pbxconfig"
)

func newPBXConfig(c *cli) *cobra.Command {
	var file, name string
	cmd := &cobra.Command{
		Use:   "pbx-config asterisk|freeswitch",
		Short: "Print what must stand in the PBX's own configuration",
		Long: `Prints what must be pasted into the configuration of an Asterisk or FreeSWITCH of pbx,
made of the configuration given: the user that the server logs in as, what the edge
needs, and pickup in the dialplan where that is asked for. It holds the password.`,
		Example: `  blfbridge pbx-config asterisk --config blfbridge.yaml
  blfbridge pbx-config freeswitch --config blfbridge.yaml --name fs`,
		Args:      exactly("asterisk|freeswitch"),
		ValidArgs: []string{"asterisk", "freeswitch"},
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] != "asterisk" && args[0] != "freeswitch" {
				return &usageError{cmd, fmt.Errorf("%q is neither asterisk nor freeswitch", args[0])}
			}
			if file == "" {
				file = c.getenv(configEnv)
			}
			if file == "" {
				return &usageError{cmd, errors.New("--config FILE is missing")}
			}
			cfg, err := config.Load(file)
			if err != nil {
				return err
			}
			text, err := pbxconfig.Write(cfg, args[0], name)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(c.out, text)
			return err
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration `FILE` of the server (default $"+configEnv+")")
	cmd.Flags().StringVar(&name, "name", "", "`NAME` of the PBX, where several are of that type")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
	return cmd
}
