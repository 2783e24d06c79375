package client

import (
	"context"
	"net/http"
	"strconv"

	"blfbridge/bridge/admin"
	"blfbridge/bridge/admin/api"
)

// LoginFilter says which logins are asked for; empty fields match all.
type LoginFilter struct{ Tenant, Phone, UserID string }

// Logins lists who is logged in where.
func (c *Client) Logins(ctx context.Context, f LoginFilter) (list api.LoginList, err error) {
	query := values("tenant", f.Tenant, "phone", f.Phone, "user_id", f.UserID)
	err = pages(query, func() (int, error) {
		var page api.LoginList
		err := c.get(ctx, admin.Prefix+"/logins", query, &page)
		list.Total, list.Logins = page.Total, append(list.Logins, page.Logins...)
		return len(page.Logins), err
	})
	return list, err
}

// LoginTrail lists the newest logins and logouts, at most limit.
func (c *Client) LoginTrail(ctx context.Context, limit int) (trail api.LoginTrail, err error) {
	err = c.get(ctx, admin.Prefix+"/logins/trail", values("limit", strconv.Itoa(limit)), &trail)
	return trail, err
}

// LogIn logs an end user in on a phone.
func (c *Client) LogIn(ctx context.Context, in api.LogIn) (out api.LoggedIn, err error) {
	err = c.post(ctx, admin.Prefix+"/login", in, &out)
	return out, err
}

// LogOut logs out whoever is logged in on a phone.
func (c *Client) LogOut(ctx context.Context, in api.LogOut) (out api.LoggedOut, err error) {
	err = c.post(ctx, admin.Prefix+"/logout", in, &out)
	return out, err
}

// post sends JSON and reads JSON.
func (c *Client) post(ctx context.Context, path string, send, into any) error {
	body, _, err := c.do(ctx, request{method: http.MethodPost, path: path, json: send})
	if err != nil {
		return err
	}
	return c.decode(body, into)
}
