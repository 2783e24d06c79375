package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"blfbridge/bridge/admin"
	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/admin/show"
	"blfbridge/bridge/config"
	"blfbridge/policy"
)

func newExplain(c *cli) *cobra.Command {
	e := &explainer{connection: connection{cli: c}}
	cmd := &cobra.Command{
		Use:   "explain WATCHER TARGET",
		Short: "Say whether a watcher may watch a line, and why",
		Long: `Says how a SUBSCRIBE would be answered, without sending one: each step of the decision,
the rule that it looked at, and what came of it. WATCHER is a number, the name of a
phone or user, or a SIP URI; TARGET a number or a SIP URI. WATCHER may also say what it is:

  phone:NAME                a phone of the policy
  end_user:ID               an end user's own application: a directory, a soft client
  trunk:NAME                a SIP trunk; with --source without credentials, else as if they held
  application:USER@TRUNK    an application user behind a trunk, whose credentials hold
  unknown:NAME              who is neither phone nor user

What comes from the address of a trunk is the trunk's: with --source of such an address a
WATCHER that is no digest user says nothing.

If no server answers, the policy of --config is asked: its policy.file, or its store.
--policy asks a policy document that is not in force.` + connectHelp,
		Example: `  blfbridge explain 201 101
  blfbridge explain 201 101 --source 192.168.1.20
  blfbridge explain application:meeting@CONF 101
  blfbridge explain sip:201@shop.example sip:101@shop.example
  blfbridge explain 201 '*89101' --tenant shop --json
  blfbridge explain 201 101 --policy new-policy.yaml`,
		Args: exactly("WATCHER", "TARGET"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if e.policyFile != "" && e.url != "" {
				return &usageError{cmd, errors.New("--policy and --url exclude each other: either the file decides or the server")}
			}
			e.question.Watcher, e.question.Target = args[0], args[1]
			answer, err := e.ask(cmd.Context())
			if err != nil {
				return err
			}
			if e.asJSON {
				return writeJSON(c.out, answer)
			}
			return show.Explanation(c.out, &answer, c.paint(c.out))
		},
	}
	e.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&e.question.Tenant, "tenant", "", "`TENANT` of a TARGET or WATCHER without host")
	f.StringVar(&e.question.Source, "source", "", "`ADDRESS` that the SUBSCRIBE comes from; without it credentials count as right")
	f.StringVar(&e.policyFile, "policy", "", "decide by this policy `FILE` instead of the server's")
	f.BoolVar(&e.asJSON, "json", false, "print JSON, as the admin API tells it")
	_ = cmd.MarkFlagFilename("policy", "yaml", "yml")
	return cmd
}

type explainer struct {
	connection
	question   admin.Question
	policyFile string
	asJSON     bool
}

// ask asks the server, or decides here if there is none.
func (e *explainer) ask(ctx context.Context) (api.Explanation, error) {
	cfg, err := e.config()
	if err != nil {
		return api.Explanation{}, err
	}
	if e.policyFile != "" {
		_, d, err := e.cli.readPolicy(e.policyFile)
		if err != nil {
			return api.Explanation{}, err
		}
		return e.decide(cfg, d, nil, "decided by "+e.policyFile)
	}
	cl, err := e.client(cfg)
	if err == nil {
		defer cl.Close()
		var answer api.Explanation
		if answer, err = cl.Explain(ctx, e.question); err == nil {
			return answer, nil
		}
	}
	if !e.noServer(cfg, err) {
		return api.Explanation{}, hint(err)
	}
	d, _, from, err := e.cli.storedPolicy(ctx, cfg)
	if err != nil {
		return api.Explanation{}, storeHint(cfg, err)
	}
	logins, err := e.cli.storedLogins(ctx, cfg)
	if err != nil {
		return api.Explanation{}, storeHint(cfg, err)
	}
	return e.decide(cfg, d, logins, "no server answers; decided by the policy in "+from)
}

func (e *explainer) decide(cfg *config.Config, d *policy.Document, logins policy.Logins, note string) (api.Explanation, error) {
	if cfg != nil {
		d = admin.Effective(d, cfg)
	}
	s, err := policy.Compile(d)
	if err != nil {
		return api.Explanation{}, fmt.Errorf("policy: %w", err)
	}
	answer, err := admin.Explain(admin.Facts{Snapshot: s.WithLogins(logins)}, e.question)
	answer.Notes = append(answer.Notes, note)
	return answer, err
}
