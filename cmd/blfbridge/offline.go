package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"blfbridge/bridge"
	"blfbridge/bridge/admin"
	"blfbridge/bridge/admin/client"
	"blfbridge/bridge/config"
	"blfbridge/bridge/store"
	"blfbridge/policy"
	"blfbridge/policy/policystore"
)

// maxPolicy is the largest policy document that is read.
const maxPolicy = admin.MaxPolicy

// offlineTimeout bounds working on the store without a server.
const offlineTimeout = 2 * time.Minute

// noServer reports whether a command may work without the server: none answers where
// the configuration says, and no other was asked for.
func (n *connection) noServer(cfg *config.Config, err error) bool {
	return cfg != nil && n.url == "" && (errors.Is(err, client.ErrUnreachable) || errors.Is(err, client.ErrNoAdmin))
}

// readPolicy reads a policy document from a file, or standard input if it is "-".
func (c *cli) readPolicy(file string) (text []byte, d *policy.Document, err error) {
	if text, err = c.readText(file); err != nil {
		return nil, nil, err
	}
	if d, err = policy.Load(text); err != nil {
		return nil, nil, inFile(file, err)
	}
	return text, d, nil
}

// readText reads a policy file without looking what is in it.
func (c *cli) readText(file string) (text []byte, err error) {
	in := c.in
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	text, err = io.ReadAll(io.LimitReader(in, maxPolicy+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot read %s: %w", file, err)
	case len(text) > maxPolicy:
		return nil, fmt.Errorf("%s is longer than %d bytes", file, maxPolicy)
	}
	return text, nil
}

// inFile names the file of every problem, as compilers do.
func inFile(file string, err error) error {
	var problems policy.Problems
	if !errors.As(err, &problems) {
		return fmt.Errorf("%s: %w", file, err)
	}
	errs := make([]error, len(problems))
	for i, p := range problems {
		at := file
		if p.Line > 0 {
			at = fmt.Sprintf("%s:%d", file, p.Line)
			p.Line = 0
		}
		errs[i] = fmt.Errorf("%s: %s", at, p)
	}
	return errors.Join(errs...)
}

// withStore opens the policy's home of a configuration whose server does not run.
func withStore(ctx context.Context, cfg *config.Config, fn func(context.Context, policystore.Store) error) error {
	ctx, cancel := context.WithTimeout(ctx, offlineTimeout)
	defer cancel()
	s, done, err := bridge.OpenPolicy(ctx, cfg)
	if err != nil {
		return err
	}
	return errors.Join(fn(ctx, s), done())
}

// storeHint adds to an error what would mend it on the command line.
func storeHint(cfg *config.Config, err error) error {
	if errors.Is(err, store.ErrAway) && cfg.Store.Type == "bolt" {
		return fmt.Errorf("%w\nOnly one process may have it open. If that is the running server, let it do this: name it with --url and --token", err)
	}
	return err
}

// storedPolicy is the policy that a server with this configuration would start with,
// and where it comes from.
func (c *cli) storedPolicy(ctx context.Context, cfg *config.Config) (d *policy.Document, revision uint64, from string, err error) {
	if file := cfg.Policy.File; file != "" {
		_, d, err = c.readPolicy(file)
		return d, 0, file, err
	}
	from = "the store"
	if cfg.Store.Type == "bolt" {
		from = cfg.Store.Path
		if _, err := os.Stat(from); errors.Is(err, os.ErrNotExist) {
			return &policy.Document{}, 0, from + ", which does not exist yet", nil // and is not to be made by looking
		}
	}
	err = withStore(ctx, cfg, func(ctx context.Context, s policystore.Store) (err error) {
		d, revision, err = s.Load(ctx)
		return err
	})
	return d, revision, from, err
}

// storedLogins are who a server with this configuration would start with logged in.
func (c *cli) storedLogins(ctx context.Context, cfg *config.Config) (l policy.Logins, err error) {
	if cfg.Store.Type == "bolt" {
		if _, err := os.Stat(cfg.Store.Path); errors.Is(err, os.ErrNotExist) {
			return nil, nil
		}
	}
	err = withStore(ctx, cfg, func(ctx context.Context, s policystore.Store) error {
		list, _, err := s.Sessions(ctx)
		l = policystore.LoginsOf(list)
		return err
	})
	return l, err
}
