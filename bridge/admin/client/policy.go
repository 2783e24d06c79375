package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"blfbridge/bridge/admin"
	"blfbridge/bridge/admin/api"
	"blfbridge/policy/policystore"
)

// Policy exports the policy document as YAML, with its revision.
func (c *Client) Policy(ctx context.Context) (yaml []byte, revision uint64, err error) {
	body, header, err := c.do(ctx, request{method: http.MethodGet, path: admin.Prefix + "/policy"})
	if err != nil {
		return nil, 0, err
	}
	revision, err = strconv.ParseUint(strings.Trim(header.Get("ETag"), `"`), 10, 64)
	if err != nil {
		return nil, 0, fmt.Errorf("client: %s tells no revision of its policy", c.base)
	}
	return body, revision, nil
}

// Edit says how a write to the policy is meant.
type Edit struct {
	// Tenant is empty for the policy's default one.
	Tenant string
	// IfRevision is the revision that the change was decided on, or
	// policystore.AnyRevision. If another one is stored, the error matches
	// policystore.ErrConflict.
	IfRevision uint64
	DryRun     bool
}

// edit sends a write to the policy.
func (c *Client) edit(ctx context.Context, e Edit, q request, into any) error {
	if q.query == nil {
		q.query = values()
	}
	if e.Tenant != "" {
		q.query.Set("tenant", e.Tenant)
	}
	if e.DryRun {
		q.query.Set("dry_run", "true")
	}
	q.ifMatch = "*"
	if e.IfRevision != policystore.AnyRevision {
		q.ifMatch = `"` + strconv.FormatUint(e.IfRevision, 10) + `"`
	}
	body, _, err := c.do(ctx, q)
	var p *Problem
	if errors.As(err, &p) && p.Status == http.StatusConflict && slices.ContainsFunc(p.Errors, func(d ProblemDetail) bool { return d.Location == admin.RevisionLocation }) {
		return conflict{p}
	}
	if err != nil {
		return err
	}
	return c.decode(body, into)
}

// conflict is the Problem of a policy that was changed meanwhile.
type conflict struct{ *Problem }

func (c conflict) Error() string      { return c.Detail }
func (c conflict) Unwrap() error      { return c.Problem }
func (conflict) Is(target error) bool { return target == policystore.ErrConflict }

// ImportPolicy replaces the policy document.
func (c *Client) ImportPolicy(ctx context.Context, yaml []byte, e Edit) (out api.PolicyImported, err error) {
	err = c.edit(ctx, e, request{method: http.MethodPut, path: admin.Prefix + "/policy", body: yaml}, &out)
	return out, err
}

// DiffPolicy tells what importing a document would change.
func (c *Client) DiffPolicy(ctx context.Context, yaml []byte) (out api.PolicyDiff, err error) {
	body, _, err := c.do(ctx, request{method: http.MethodPost, path: admin.Prefix + "/policy/diff", body: yaml})
	if err != nil {
		return out, err
	}
	return out, c.decode(body, &out)
}

// PolicyAudit reads the newest entries of the audit trail.
func (c *Client) PolicyAudit(ctx context.Context, limit int) (out api.AuditTrail, err error) {
	err = c.get(ctx, admin.Prefix+"/policy/audit", values("limit", strconv.Itoa(limit)), &out)
	return out, err
}

// Tenants lists the tenants of the policy document.
func (c *Client) Tenants(ctx context.Context) (out api.TenantList, err error) {
	err = c.get(ctx, admin.Prefix+"/tenants", nil, &out)
	return out, err
}
