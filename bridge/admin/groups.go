package admin

import (
	"cmp"
	"context"
	"strings"

	"blfbridge/bridge/admin/api"
	"blfbridge/policy"
)

// TenantInput names the tenant of a read. It is exported for huma.
type TenantInput struct {
	Tenant string `query:"tenant" doc:"The tenant; left out: the policy's default one."`
}

type findGroupsInput struct {
	Page
	TenantInput
	Field  string   `query:"field" enum:"name,description" default:"name"`
	Match  string   `query:"match" enum:"begins,contains,ends,exact,not begins,not contains,not ends,not exact" default:"contains"`
	Text   string   `query:"text" doc:"What is looked for, in any case; empty: all."`
	Within []string `query:"within,explode" doc:"Search within results: only among groups of these names; it may be given many times."`
}

type groupsOutput struct {
	ETag string `header:"ETag" doc:"The revision, in quotes."`
	Body api.PresenceGroupList
}

func (s *Server) findGroups(ctx context.Context, in *findGroupsInput) (*groupsOutput, error) {
	d, revision, err := s.policy(ctx)
	if err != nil {
		return nil, err
	}
	body, err := Groups(d, in.Tenant, policy.GroupQuery{Field: in.Field, Match: in.Match, Text: in.Text, Within: in.Within})
	if err != nil {
		return nil, problem("find presence groups", err)
	}
	body.Revision, body.Groups = revision, nonNil(pageOf(in.Page, body.Groups))
	return &groupsOutput{ETag: etag(revision), Body: body}, nil
}

// Groups lists the presence groups that are looked for; the revision is left out.
func Groups(d *policy.Document, tenant string, q policy.GroupQuery) (out api.PresenceGroupList, err error) {
	list, err := policy.FindGroups(d, tenant, q)
	if err != nil {
		return out, err
	}
	out = api.PresenceGroupList{Tenant: tenantName(d, tenant), Total: len(list), Groups: []api.PresenceGroup{}}
	for _, g := range list {
		out.Groups = append(out.Groups, groupOf(g))
	}
	return out, nil
}

func tenantName(d *policy.Document, given string) string { return cmp.Or(given, d.HomeTenant()) }

func groupOf(g policy.GroupInfo) api.PresenceGroup {
	return api.PresenceGroup{Name: g.Name, Description: g.Description, Dependents: g.Dependents, Undeletable: g.Undeletable}
}

type groupInput struct {
	TenantInput
	Name string `path:"name" doc:"Of a presence group."`
}

type groupOutput struct {
	ETag string `header:"ETag" doc:"The revision, in quotes."`
	Body api.PresenceGroupDetails
}

func (s *Server) group(ctx context.Context, in *groupInput) (*groupOutput, error) {
	d, revision, err := s.policy(ctx)
	if err != nil {
		return nil, err
	}
	body, err := Group(d, in.Tenant, in.Name)
	if err != nil {
		return nil, problem("show the presence group", err)
	}
	body.Revision = revision
	return &groupOutput{ETag: etag(revision), Body: body}, nil
}

// Group tells all of a presence group but the revision.
func Group(d *policy.Document, tenant, name string) (out api.PresenceGroupDetails, err error) {
	relations, watchers, err := policy.GroupPermissions(d, tenant, name)
	if err != nil {
		return out, err
	}
	found, err := policy.FindGroups(d, tenant, policy.GroupQuery{Match: "exact", Text: name, Within: []string{name}})
	if err != nil {
		return out, err
	}
	out = api.PresenceGroupDetails{Tenant: tenantName(d, tenant), Relations: relationsOf(relations), WatchedBy: relationsOf(watchers)}
	if len(found) > 0 {
		out.PresenceGroup = groupOf(found[0])
	}
	return out, nil
}

func relationsOf(list []policy.GroupPermission) []api.Relation {
	out := []api.Relation{}
	for _, p := range list {
		r := api.Relation{From: p.From, To: p.To, Subscribe: string(cmp.Or(p.Subscribe, policy.SystemDefault)), Pickup: p.Pickup}
		if p.View != nil {
			r.View = p.View.String()
		}
		out = append(out, r)
	}
	return out
}

type dependentsInput struct {
	Page
	TenantInput
	Name []string `query:"name,explode" required:"true" minItems:"1" doc:"A presence group; it may be given many times."`
}

type dependentsOutput struct {
	ETag string `header:"ETag" doc:"The revision, in quotes."`
	Body api.DependencyRecords
}

func (s *Server) dependents(ctx context.Context, in *dependentsInput) (*dependentsOutput, error) {
	d, revision, err := s.policy(ctx)
	if err != nil {
		return nil, err
	}
	body, err := Dependents(d, in.Tenant, in.Name...)
	if err != nil {
		return nil, problem("list dependency records", err)
	}
	body.Revision, body.Records = revision, nonNil(pageOf(in.Page, body.Records))
	return &dependentsOutput{ETag: etag(revision), Body: body}, nil
}

// Dependents lists what uses presence groups; the revision is left out.
func Dependents(d *policy.Document, tenant string, names ...string) (out api.DependencyRecords, err error) {
	list, err := policy.GroupDependents(d, tenant, names...)
	if err != nil {
		return out, err
	}
	out = api.DependencyRecords{Tenant: tenantName(d, tenant), Total: len(list), Records: []api.DependencyRecord{}}
	for _, x := range list {
		out.Records = append(out.Records, api.DependencyRecord(x))
	}
	return out, nil
}

type tenantsOutput struct{ Body api.TenantList }

func (s *Server) tenants(ctx context.Context, _ *struct{}) (*tenantsOutput, error) {
	d, revision, err := s.policy(ctx)
	if err != nil {
		return nil, err
	}
	out := &tenantsOutput{Body: api.TenantList{Revision: revision, Home: d.HomeTenant(), Tenants: []string{}}}
	for i := range d.Tenants {
		out.Body.Tenants = append(out.Body.Tenants, d.Tenants[i].Name)
	}
	if len(d.Tenants) == 0 {
		out.Body.Tenants = append(out.Body.Tenants, policy.DefaultTenant)
	}
	return out, nil
}

type assignmentsInput struct {
	Page
	TenantInput
	Kind   string `query:"kind" enum:"line,phone,end_user,trunk,application_user,device_profile" doc:"Only this kind."`
	Begins string `query:"begins" doc:"Only names that begin so, in any case."`
	Group  string `query:"presence_group" doc:"Only what is in this group."`
}

type assignmentsOutput struct {
	ETag string `header:"ETag" doc:"The revision, in quotes."`
	Body api.Assignments
}

func (s *Server) assignments(ctx context.Context, in *assignmentsInput) (*assignmentsOutput, error) {
	d, revision, err := s.policy(ctx)
	if err != nil {
		return nil, err
	}
	body, err := Assignments(d, AssignmentQuery{in.Tenant, in.Kind, in.Begins, in.Group})
	if err != nil {
		return nil, problem("list what groups are applied to", err)
	}
	body.Revision, body.Assignments = revision, nonNil(pageOf(in.Page, body.Assignments))
	return &assignmentsOutput{ETag: etag(revision), Body: body}, nil
}

// AssignmentQuery says which assignments are asked for; empty fields match all.
type AssignmentQuery struct{ Tenant, Kind, Begins, Group string }

// Assignments lists what a presence group can be applied to; the revision is left out.
func Assignments(d *policy.Document, q AssignmentQuery) (out api.Assignments, err error) {
	list, err := policy.Assignments(d, q.Tenant, q.Kind)
	if err != nil {
		return out, err
	}
	out = api.Assignments{Tenant: tenantName(d, q.Tenant), Assignments: []api.Assignment{}}
	begins := strings.ToLower(q.Begins)
	for _, a := range list {
		group := a.PresenceGroup
		if group == "" && a.Kind != policy.KindApplicationUser {
			group = policy.StandardGroup
		}
		if strings.HasPrefix(strings.ToLower(a.Name), begins) && (q.Group == "" || q.Group == group) {
			out.Assignments = append(out.Assignments, api.Assignment(a))
		}
	}
	out.Total = len(out.Assignments)
	return out, nil
}
