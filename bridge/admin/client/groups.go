package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"blfbridge/bridge/admin"
	"blfbridge/bridge/admin/api"
	"blfbridge/policy"
)

const groupsPath = admin.Prefix + "/presence-groups"

func groupPath(name string) string { return groupsPath + "/" + url.PathEscape(name) }

// FindGroups lists all presence groups that match.
func (c *Client) FindGroups(ctx context.Context, tenant string, q policy.GroupQuery) (list api.PresenceGroupList, err error) {
	query := values("tenant", tenant, "field", q.Field, "match", q.Match, "text", q.Text)
	for _, name := range q.Within {
		query.Add("within", name)
	}
	err = pages(query, func() (int, error) {
		var page api.PresenceGroupList
		err := c.get(ctx, groupsPath, query, &page)
		page.Groups = append(list.Groups, page.Groups...)
		got := len(page.Groups) - len(list.Groups)
		list = page
		return got, err
	})
	return list, err
}

// Group reads a presence group and its relations.
func (c *Client) Group(ctx context.Context, tenant, name string) (out api.PresenceGroupDetails, err error) {
	err = c.get(ctx, groupPath(name), values("tenant", tenant), &out)
	return out, err
}

// Dependents lists all that uses the groups.
func (c *Client) Dependents(ctx context.Context, tenant string, names ...string) (list api.DependencyRecords, err error) {
	query := values("tenant", tenant)
	query["name"] = names
	err = pages(query, func() (int, error) {
		var page api.DependencyRecords
		err := c.get(ctx, admin.Prefix+"/dependency-records", query, &page)
		page.Records = append(list.Records, page.Records...)
		got := len(page.Records) - len(list.Records)
		list = page
		return got, err
	})
	return list, err
}

// Assignments lists at most limit things that a group can be applied to; 0 = all.
func (c *Client) Assignments(ctx context.Context, f admin.AssignmentQuery, limit int) (list api.Assignments, err error) {
	query := values("tenant", f.Tenant, "kind", f.Kind, "begins", f.Begins, "presence_group", f.Group)
	if limit > 0 {
		query.Set("limit", strconv.Itoa(limit))
		err = c.get(ctx, admin.Prefix+"/assignments", query, &list)
		return list, err
	}
	err = pages(query, func() (int, error) {
		var page api.Assignments
		err := c.get(ctx, admin.Prefix+"/assignments", query, &page)
		page.Assignments = append(list.Assignments, page.Assignments...)
		got := len(page.Assignments) - len(list.Assignments)
		list = page
		return got, err
	})
	return list, err
}

// GroupBody is what AddGroup, CopyGroup and ChangeGroup send.
type GroupBody struct {
	Name        *string `json:"name,omitempty"`
	Description *string `json:"description,omitempty"`
}

// AddGroup adds a presence group.
func (c *Client) AddGroup(ctx context.Context, e Edit, g GroupBody) (api.PolicyChanged, error) {
	return c.change(ctx, e, request{method: http.MethodPost, path: groupsPath, json: g})
}

// CopyGroup copies a presence group.
func (c *Client) CopyGroup(ctx context.Context, e Edit, from, to string) (api.PolicyChanged, error) {
	return c.change(ctx, e, request{method: http.MethodPost, path: groupPath(from) + "/copy", json: GroupBody{Name: &to}})
}

// ChangeGroup renames or describes a presence group.
func (c *Client) ChangeGroup(ctx context.Context, e Edit, name string, g GroupBody) (api.PolicyChanged, error) {
	return c.change(ctx, e, request{method: http.MethodPatch, path: groupPath(name), json: g})
}

// DeleteGroups deletes presence groups, all or none.
func (c *Client) DeleteGroups(ctx context.Context, e Edit, names ...string) (api.PolicyChanged, error) {
	return c.change(ctx, e, request{method: http.MethodDelete, path: groupsPath, query: url.Values{"name": names}})
}

// RelationBody is what RelateGroups sends; what is empty stays.
type RelationBody struct {
	From      []string `json:"from"`
	To        []string `json:"to"`
	Subscribe string   `json:"subscribe,omitempty"`
	View      string   `json:"view,omitempty"`
	Pickup    string   `json:"pickup,omitempty"`
}

// RelateGroups relates several groups to several.
func (c *Client) RelateGroups(ctx context.Context, e Edit, r RelationBody) (api.PolicyChanged, error) {
	return c.change(ctx, e, request{method: http.MethodPut, path: admin.Prefix + "/presence-group-relations", json: r})
}

// AssignBody is what Assign sends; what is nil stays, and an empty one is the default again.
type AssignBody struct {
	Kind  string   `json:"kind"`
	Names []string `json:"names"`
	Group *string  `json:"presence_group,omitempty"`
	Space *string  `json:"subscribe_calling_search_space,omitempty"`
}

// Assign applies a presence group or a calling search space.
func (c *Client) Assign(ctx context.Context, e Edit, a AssignBody) (api.PolicyChanged, error) {
	return c.change(ctx, e, request{method: http.MethodPatch, path: admin.Prefix + "/assignments", json: a})
}

// AutogenerateProfile makes a phone's settings its logout profile.
func (c *Client) AutogenerateProfile(ctx context.Context, e Edit, phone, name string) (api.PolicyChanged, error) {
	return c.change(ctx, e, request{method: http.MethodPost, path: admin.Prefix + "/device-profiles", json: map[string]string{"phone": phone, "name": name}})
}

func (c *Client) change(ctx context.Context, e Edit, q request) (out api.PolicyChanged, err error) {
	err = c.edit(ctx, e, q, &out)
	return out, err
}
