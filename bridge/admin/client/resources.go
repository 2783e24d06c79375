package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"blfbridge/bridge/admin"
	"blfbridge/bridge/admin/api"
)

// pageSize is how much of a list is asked for at once.
const pageSize = 5000

// Sources lists the PBXs.
func (c *Client) Sources(ctx context.Context) (list api.SourceList, err error) {
	err = c.get(ctx, admin.Prefix+"/sources", nil, &list)
	return list, err
}

// External lists the lines of other systems that are watched.
func (c *Client) External(ctx context.Context) (list api.ExternalList, err error) {
	err = c.get(ctx, admin.Prefix+"/external", nil, &list)
	return list, err
}

// Cluster tells who owns what of several replicas.
func (c *Client) Cluster(ctx context.Context) (v api.Cluster, err error) {
	err = c.get(ctx, admin.Prefix+"/cluster", nil, &v)
	return v, err
}

// Presence reads the global settings, and the presence server of a tenant (empty: the
// policy's default one).
func (c *Client) Presence(ctx context.Context, tenant string) (p api.Presence, err error) {
	err = c.get(ctx, admin.Prefix+"/presence", values("tenant", tenant), &p)
	return p, err
}

// Version describes the running binary.
func (c *Client) Version(ctx context.Context) (v api.Version, err error) {
	err = c.get(ctx, admin.Prefix+"/version", nil, &v)
	return v, err
}

// Explain asks how a SUBSCRIBE would be answered.
func (c *Client) Explain(ctx context.Context, q admin.Question) (e api.Explanation, err error) {
	err = c.get(ctx, admin.Prefix+"/explain", values("watcher", q.Watcher, "target", q.Target, "tenant", q.Tenant, "source", q.Source), &e)
	return e, err
}

// LineFilter says which lines are asked for; empty fields match all.
type LineFilter struct{ Tenant, Number, State string }

// Lines lists all lines that match.
func (c *Client) Lines(ctx context.Context, f LineFilter) (list api.LineList, err error) {
	query := values("tenant", f.Tenant, "number", f.Number, "state", f.State)
	err = pages(query, func() (int, error) {
		var page api.LineList
		err := c.get(ctx, admin.Prefix+"/lines", query, &page)
		list.Total, list.Lines = page.Total, append(list.Lines, page.Lines...)
		return len(page.Lines), err
	})
	return list, err
}

// SubscriptionFilter says which subscriptions are asked for; empty fields match all.
type SubscriptionFilter struct{ Tenant, Presentity, Watcher, ID string }

// Subscriptions lists all subscriptions that match. Those that come or go meanwhile may
// be missed or be there twice, if there are thousands.
func (c *Client) Subscriptions(ctx context.Context, f SubscriptionFilter) (list api.SubscriptionList, err error) {
	query := values("tenant", f.Tenant, "presentity", f.Presentity, "watcher", f.Watcher, "id", f.ID)
	err = pages(query, func() (int, error) {
		var page api.SubscriptionList
		err := c.get(ctx, admin.Prefix+"/subscriptions", query, &page)
		page.Subscriptions = append(list.Subscriptions, page.Subscriptions...)
		got := len(page.Subscriptions) - len(list.Subscriptions)
		list = page
		return got, err
	})
	return list, err
}

// pages calls next for every page until one is not full.
func pages(query url.Values, next func() (got int, err error)) error {
	query.Set("limit", strconv.Itoa(pageSize))
	for offset := 0; ; offset += pageSize {
		query.Set("offset", strconv.Itoa(offset))
		got, err := next()
		if err != nil || got < pageSize {
			return err
		}
	}
}

// Reload makes the bridge read configuration and policy again.
func (c *Client) Reload(ctx context.Context) (out api.Reloaded, err error) {
	body, _, err := c.do(ctx, request{method: http.MethodPost, path: admin.Prefix + "/reload"})
	if err != nil {
		return out, err
	}
	return out, c.decode(body, &out)
}

// values makes a query of those pairs that say something.
func values(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	return v
}
