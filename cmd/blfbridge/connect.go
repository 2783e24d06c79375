package main

import (
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"blfbridge/bridge/admin/client"
	"blfbridge/bridge/config"
)

const (
	configEnv = "BLFBRIDGE_CONFIG"
	tokenEnv  = "BLFBRIDGE_TOKEN"
)

// connectHelp is the part of a command's help about connecting.
const connectHelp = `

The running server is found by --url, else by admin.listen of --config, else at
` + client.DefaultURL + `. The token is that of --token, else of the environment variable
` + tokenEnv + `, else admin.token of --config.`

// connection are the flags that lead to a running server.
type connection struct {
	cli                      *cli
	file, url, token, caFile string
}

func (n *connection) flags(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVar(&n.file, "config", n.cli.getenv(configEnv), "configuration `FILE` of the server (default $"+configEnv+")")
	f.StringVar(&n.url, "url", "", "`URL` of the running server's admin API")
	f.StringVar(&n.token, "token", "", "`TOKEN` of the admin API (default $"+tokenEnv+")")
	f.StringVar(&n.caFile, "ca-file", "", "`FILE` of the authorities for an https URL, PEM")
	_ = cmd.MarkPersistentFlagFilename("config", "yaml", "yml")
	_ = cmd.MarkPersistentFlagFilename("ca-file", "pem", "crt")
	if f.Lookup("config").DefValue != "" { // help is the same whatever the environment
		f.Lookup("config").DefValue = ""
	}
}

// config reads --config; nil if there is none.
func (n *connection) config() (*config.Config, error) {
	if n.file == "" {
		return nil, nil
	}
	return config.LoadForClient(n.file)
}

// client makes a client of the running server; cfg may be nil.
func (n *connection) client(cfg *config.Config) (*client.Client, error) {
	var c client.Config
	var err error
	if n.url == "" && cfg != nil {
		if c, err = client.FromConfig(cfg); err != nil {
			return nil, err
		}
	} else if cfg != nil {
		c.Token = cfg.Admin.Token.Reveal()
	}
	if n.url != "" {
		c.URL = n.url
	}
	if env := n.cli.getenv(tokenEnv); env != "" {
		c.Token = env
	}
	if n.token != "" {
		c.Token = n.token
	}
	if n.caFile != "" {
		var t *tls.Config
		if t, err = (config.TLSClient{CAFile: n.caFile}).Config(); err != nil {
			return nil, fmt.Errorf("--ca-file: %w", err)
		}
		c.TLS = t
	}
	c.Editor = operator(n.cli)
	return client.New(c)
}

// reach makes a client for a command that works with a running server only.
func (n *connection) reach() (*client.Client, error) {
	cfg, err := n.config()
	if err != nil {
		return nil, err
	}
	return n.client(cfg)
}

// hint adds to an error what would mend it on the command line.
func hint(err error) error {
	var p *client.Problem
	switch {
	case errors.Is(err, client.ErrUnreachable):
		return fmt.Errorf("%w\nIs it running? Name it with --url, or its configuration with --config", err)
	case errors.As(err, &p) && p.Status == 401:
		return fmt.Errorf("%w\nGive the token with --token, or in %s, or name the server's configuration with --config", err, tokenEnv)
	}
	return err
}
