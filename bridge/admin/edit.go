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

// maxChanges is how many changes one answer lists.
const maxChanges = 1000

// EditInput is what every write to the policy takes. It is exported for huma.
type EditInput struct {
	Tenant  string `query:"tenant" doc:"The tenant; left out: the policy's default one."`
	IfMatch string `header:"If-Match" doc:"The ETag of what the change was decided on, or * for whatever there is." example:"\"7\""`
	DryRun  bool   `query:"dry_run" doc:"Only tell what would change."`
}

type changedOutput struct {
	ETag string `header:"ETag" doc:"The revision, in quotes."`
	Body api.PolicyChanged
}

// edit changes the policy as change says; doing names it for errors.
func (s *Server) edit(ctx context.Context, in *EditInput, doing string, change func(*policy.Document) (*policy.Document, error)) (*changedOutput, error) {
	done, err := s.apply(ctx, in, doing, change)
	if err != nil {
		return nil, err
	}
	return &changedOutput{ETag: etag(done.Revision), Body: api.PolicyChanged{PolicyDiff: DiffOf(done.Revision, done.Changes), DryRun: in.DryRun}}, nil
}

func (s *Server) apply(ctx context.Context, in *EditInput, doing string, change func(*policy.Document) (*policy.Document, error)) (policystore.Edited, error) {
	var none policystore.Edited
	ifRevision, err := parseIfMatch(in.IfMatch)
	if err != nil {
		return none, err
	}
	if file := s.c.Backend.Config().Policy.File; file != "" {
		return none, huma.Error409Conflict(fmt.Sprintf(
			"cannot %s: the policy comes from the file %s (policy.file): change that and reload, or leave policy.file out to keep the policy in the store", doing, file))
	}
	if _, err := s.serving(); err != nil {
		return none, err
	}
	if d, _, err := s.c.Backend.Policy(ctx); err == nil {
		defer lean.begin(isLarge(d))()
	}
	who := editor(ctx)
	done, err := s.c.Backend.EditPolicy(ctx, policystore.Edit{Who: who, IfRevision: ifRevision, DryRun: in.DryRun, Change: change})
	if err != nil {
		return none, problem(doing, err)
	}
	if !in.DryRun {
		s.log.Info("policy changed through the admin API", "revision", done.Revision, "changes", len(done.Changes), "who", who)
	}
	return done, nil
}

// DiffOf is a list of changes as it travels.
func DiffOf(revision uint64, changes []policy.Change) api.PolicyDiff {
	out := api.PolicyDiff{Revision: revision, Total: len(changes), Changes: []api.PolicyChange{}}
	for _, c := range changes[:min(len(changes), maxChanges)] {
		out.Changes = append(out.Changes, api.PolicyChange(c))
	}
	return out
}

func etag(revision uint64) string { return `"` + strconv.FormatUint(revision, 10) + `"` }

// parseIfMatch reads the revision out of If-Match (RFC 9110 §13.1.1); * is any.
func parseIfMatch(value string) (uint64, error) {
	value = strings.TrimSpace(value)
	switch value {
	case "":
		return 0, huma.NewError(http.StatusPreconditionRequired,
			"If-Match is missing: send the ETag of the policy that your change was decided on, or * if it holds for whatever there is")
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

type editorKey struct{}

// EditorHeader is the header in which a client may name the person behind a write, for
// the audit trail.
const EditorHeader = "X-Editor"

// editorOf says who is behind a request that showed the token.
func editorOf(r *http.Request) string {
	from := "admin.token, from " + r.RemoteAddr
	name := strings.TrimSpace(strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return -1
		}
		return c
	}, r.Header.Get(EditorHeader)))
	if name == "" {
		return from
	}
	return name[:min(len(name), 100)] + " (" + from + ")"
}

func editor(ctx context.Context) string {
	who, _ := ctx.Value(editorKey{}).(string)
	return who
}
