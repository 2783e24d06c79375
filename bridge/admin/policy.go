package admin

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

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
	if _, err := s.serving(); err != nil {
		return nil, err
	}
	text, revision, err := s.c.Backend.PolicyDocument(ctx)
	if err != nil {
		return nil, problem("export the policy", err)
	}
	d, err := policy.Load(text)
	if err != nil {
		return nil, problem("export the policy", err)
	}
	if policy.HoldsSecrets(d) {
		if status, detail := s.needToken(in.Authorization, "reading a policy that holds digest passwords"); status != 0 {
			return nil, huma.NewError(status, detail)
		}
	}
	return &exportOutput{ContentType: "application/yaml", ETag: etag(revision), Body: text}, nil
}

type importInput struct {
	IfMatch string `header:"If-Match" doc:"The ETag of the document that this one was made from, or * for whatever there is." example:"\"7\""`
	DryRun  bool   `query:"dry_run" doc:"Only check the document."`
	RawBody []byte `contentType:"application/yaml"`
}

type importOutput struct {
	ETag string `header:"ETag" doc:"The revision, in quotes."`
	Body api.PolicyImported
}

func (s *Server) importPolicy(ctx context.Context, in *importInput) (*importOutput, error) {
	ifRevision, err := parseIfMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	if file := s.c.Backend.Config().Policy.File; file != "" {
		return nil, huma.Error409Conflict(fmt.Sprintf(
			"the policy comes from the file %s (policy.file): change that and reload, or leave policy.file out to keep the policy in the store", file))
	}
	if _, err := s.serving(); err != nil {
		return nil, err
	}
	next, err := policy.Load(in.RawBody)
	if err != nil {
		return nil, problem("import the policy", err)
	}
	before, revision, err := s.c.Backend.PolicyDocument(ctx)
	if err != nil {
		return nil, problem("import the policy", err)
	}
	if in.DryRun && ifRevision != policystore.AnyRevision && ifRevision != revision {
		return nil, problem("import the policy", fmt.Errorf("%w: it is at revision %d, not %d", policystore.ErrConflict, revision, ifRevision))
	}
	revision, err = s.c.Backend.ImportPolicy(ctx, in.RawBody, ifRevision, in.DryRun)
	if err != nil {
		return nil, problem("import the policy", err)
	}
	out := &importOutput{ETag: etag(revision), Body: imported(next)}
	out.Body.Revision, out.Body.DryRun = revision, in.DryRun
	out.Body.Changed = differs(before, next)
	if !in.DryRun {
		s.log.Info("policy imported through the admin API", "revision", revision, "changed", out.Body.Changed)
	}
	return out, nil
}

// imported counts what a document lists.
func imported(d *policy.Document) api.PolicyImported {
	out := api.PolicyImported{Tenants: len(d.Tenants)}
	for i := range d.Tenants {
		out.Lines += len(d.Tenants[i].Lines)
		out.Phones += len(d.Tenants[i].Phones)
		out.EndUsers += len(d.Tenants[i].EndUsers)
	}
	return out
}

// differs compares two documents by what they mean, not by how they are written.
func differs(before []byte, next *policy.Document) bool {
	old, err := policy.Load(before)
	if err != nil {
		return true
	}
	a, errA := policy.Marshal(old)
	b, errB := policy.Marshal(next)
	return errA != nil || errB != nil || string(a) != string(b)
}

func etag(revision uint64) string { return `"` + strconv.FormatUint(revision, 10) + `"` }

// parseIfMatch reads the revision out of If-Match (RFC 9110 §13.1.1); * is any.
func parseIfMatch(value string) (uint64, error) {
	value = strings.TrimSpace(value)
	switch value {
	case "":
		return 0, huma.NewError(http.StatusPreconditionRequired,
			"If-Match is missing: send the ETag of the document that yours was made from, or * to replace whatever there is")
	case "*":
		return policystore.AnyRevision, nil
	}
	number := strings.TrimSuffix(strings.TrimPrefix(value, `"`), `"`)
	revision, err := strconv.ParseUint(number, 10, 64)
	if err != nil || revision == policystore.AnyRevision {
		return 0, huma.Error400BadRequest("If-Match is no revision such as \"7\", and not *: " + value)
	}
	return revision, nil
}
