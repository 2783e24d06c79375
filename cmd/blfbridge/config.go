package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"blfbridge/bridge/certs"
	"blfbridge/bridge/config"
)

func newConfig(c *cli) *cobra.Command {
	return group(&cobra.Command{
		Use:   "config",
		Short: "Check and describe the configuration",
		Long:  "Check and describe the configuration file of blfbridge serve.",
		Example: `  blfbridge config defaults > blfbridge.yaml
  blfbridge config check blfbridge.yaml
  blfbridge config doc > configuration.md`,
	}, newConfigCheck(c), newConfigDefaults(), newConfigDoc())
}

func newConfigCheck(c *cli) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Check a configuration file",
		Long: `Checks a configuration file, the certificates and the policy file that it names, and
what the PBXs' adapters want. It lists all that is wrong, and connects to nothing.`,
		Example: `  blfbridge config check blfbridge.yaml
  ARI_PASSWORD=secret blfbridge config check --config /etc/blfbridge/blfbridge.yaml`,
		Args: between(0, "FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				file = args[0]
			}
			if file == "" {
				file = c.getenv(configEnv)
			}
			if file == "" {
				return &usageError{cmd, errors.New("FILE is missing")}
			}
			cfg, err := config.Load(file)
			if err != nil {
				return err
			}
			if err := c.checkConfig(cmd.Context(), cfg); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			_, err = fmt.Fprintf(c.out, "%s is fine: %s\n", file, describeConfig(cfg))
			return err
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration `FILE`, as the argument")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
	return cmd
}

// checkConfig checks what a configuration leads to: files and adapters.
func (c *cli) checkConfig(_ context.Context, cfg *config.Config) error {
	var errs []error
	for i, p := range cfg.PBX {
		if _, err := newSource(p, nil, nil); err != nil {
			errs = append(errs, fmt.Errorf("pbx[%d]: %w", i, err))
		}
	}
	if _, err := cfg.Admin.TLS.Config(); err != nil {
		errs = append(errs, fmt.Errorf("admin.tls: %w", err))
	}
	if _, err := cfg.Store.TLS.Config(); err != nil {
		errs = append(errs, fmt.Errorf("store.tls: %w", err))
	}
	if files := cfg.SIP.TLS.Files(); len(files.Pairs) > 0 {
		if _, err := certs.New(certs.Config{Files: files}); err != nil {
			errs = append(errs, err)
		}
	}
	if cfg.Policy.File != "" {
		if _, _, err := c.readPolicy(cfg.Policy.File); err != nil {
			errs = append(errs, fmt.Errorf("policy.file: %w", err))
		}
	}
	return errors.Join(errs...)
}

// describeConfig says in one line what a configuration is about.
func describeConfig(cfg *config.Config) string {
	var names []string
	for _, p := range cfg.PBX {
		names = append(names, p.Name+" ("+p.Type+")")
	}
	admin := "no admin API"
	if cfg.Admin.Listen != "" {
		admin = "admin API on " + cfg.Admin.Listen
	}
	return fmt.Sprintf("%s; SIP on %s; store %s; %s",
		strings.Join(names, ", "), strings.Join(cfg.SIP.Listen, ", "), describeStore(&cfg.Store), admin)
}

func newConfigDefaults() *cobra.Command {
	return &cobra.Command{
		Use:     "defaults",
		Short:   "Print a complete configuration with the defaults",
		Long:    "Prints a complete configuration: every key with its meaning and its default.",
		Example: "  blfbridge config defaults > blfbridge.yaml",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(cmd.OutOrStdout(), config.DefaultYAML())
			return err
		},
	}
}

func newConfigDoc() *cobra.Command {
	return &cobra.Command{
		Use:     "doc",
		Short:   "Print the description of every key",
		Long:    "Prints the description of every key of the configuration, in Markdown.",
		Example: "  blfbridge config doc > configuration.md",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(cmd.OutOrStdout(), config.Reference())
			return err
		},
	}
}
