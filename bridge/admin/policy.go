package admin

import (
	"context"
	"encoding/json"

	"github.com/danielgtaylor/huma/v2"

	"blfbridge/bridge/admin/api"
	"blfbridge/policy"
	"blfbridge/policy/policystore"
)

type exportInput struct {
	Authorization string `header:"Authorization" hidden:"true"`
}

type exportOutput struct {
	ContentType string `header:"Content-Type"`
	ETag        string `header:"ETag" doc:"The revision, in quotes."`
	Body        []byte
}

func (s *Server) exportPolicy(ctx context.Context, in *exportInput) (*exportOutput, error) {
	d, revision, err := s.policy(ctx)
	if err != nil {
		return nil, err
	}
	if policy.HoldsSecrets(d) {
		if status, detail := s.needToken(in.Authorization, "reading a policy that holds digest passwords"); status != 0 {
			return nil, huma.NewError(status, detail)
		}
	}
	text, err := policy.Marshal(d)
	if err != nil {
		return nil, problem("export the policy", err)
	}
	return &exportOutput{ContentType: "application/yaml", ETag: etag(revision), Body: text}, nil
}

// policy is the policy in force and its revision.
func (s *Server) policy(ctx context.Context) (*policy.Document, uint64, error) {
	if _, err := s.serving(); err != nil {
		return nil, 0, err
	}
	d, revision, err := s.c.Backend.Policy(ctx)
	if err != nil {
		return nil, 0, problem("read the policy", err)
	}
	return d, revision, nil
}

type importInput struct {
	IfMatch string `header:"If-Match" doc:"The ETag of the document that this one was made from, or * for whatever there is." example:"\"7\""`
	DryRun  bool   `query:"dry_run" doc:"Only check the document, and tell what it would change."`
	RawBody []byte `contentType:"application/yaml"`
}

type importOutput struct {
	ETag string `header:"ETag" doc:"The revision, in quotes."`
	Body api.PolicyImported
}

func (s *Server) importPolicy(ctx context.Context, in *importInput) (*importOutput, error) {
	const doing = "import the policy"
	defer lean.begin(len(in.RawBody) >= largeBody)()
	next, err := policy.Load(in.RawBody)
	done, editErr := s.apply(ctx, &EditInput{IfMatch: in.IfMatch, DryRun: in.DryRun}, doing,
		func(*policy.Document) (*policy.Document, error) { return next, err })
	if editErr != nil {
		return nil, editErr
	}
	out := &importOutput{ETag: etag(done.Revision), Body: Imported(done)}
	out.Body.DryRun = in.DryRun
	return out, nil
}

// Imported counts what a document lists that was imported, and tells what that changed.
func Imported(done policystore.Edited) api.PolicyImported {
	out := api.PolicyImported{PolicyDiff: DiffOf(done.Revision, done.Changes), Changed: len(done.Changes) > 0, Tenants: len(done.After.Tenants)}
	for i := range done.After.Tenants {
		t := &done.After.Tenants[i]
		out.Lines, out.Phones, out.EndUsers = out.Lines+len(t.Lines), out.Phones+len(t.Phones), out.EndUsers+len(t.EndUsers)
	}
	return out
}

type diffInput struct {
	Text    bool   `query:"text" doc:"A line for each change in the JSON's place: text/plain."`
	RawBody []byte `contentType:"application/yaml"`
}

type diffOutput struct {
	ContentType string `header:"Content-Type"`
	ETag        string `header:"ETag" doc:"The revision compared with, in quotes."`
	Body        []byte
}

// diffPolicy compares a candidate with the policy in force.
func (s *Server) diffPolicy(ctx context.Context, in *diffInput) (*diffOutput, error) {
	d, revision, err := s.policy(ctx)
	if err != nil {
		return nil, err
	}
	next, err := policy.Load(in.RawBody)
	if err != nil {
		return nil, problem("compare the policy", err)
	}
	changes := policy.Diff(d, next)
	out := &diffOutput{ETag: etag(revision), ContentType: "text/plain; charset=utf-8"}
	if in.Text {
		for _, c := range changes {
			out.Body = append(append(out.Body, c.String()...), '\n')
		}
		return out, nil
	}
	out.ContentType = "application/json"
	out.Body, err = json.Marshal(DiffOf(revision, changes))
	return out, err
}

type auditInput struct {
	Limit int `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many of the newest to return."`
}

type auditOutput struct{ Body api.AuditTrail }

func (s *Server) policyAudit(ctx context.Context, in *auditInput) (*auditOutput, error) {
	if _, err := s.serving(); err != nil {
		return nil, err
	}
	entries, err := s.c.Backend.PolicyAudit(ctx, in.Limit)
	if err != nil {
		return nil, problem("read the audit trail", err)
	}
	return &auditOutput{Body: Audit(entries)}, nil
}

// Audit is an audit trail as it travels.
func Audit(entries []policystore.Entry) api.AuditTrail {
	out := api.AuditTrail{Entries: []api.AuditEntry{}}
	for _, e := range entries {
		out.Entries = append(out.Entries, api.AuditEntry{Revision: e.Revision, When: e.When, Who: e.Who, What: nonNil(e.What)})
	}
	return out
}
