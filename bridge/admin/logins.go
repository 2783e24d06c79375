package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"blfbridge/bridge/admin/api"
	"blfbridge/policy"
	"blfbridge/policy/policystore"
)

// mobility registers the operations of extension mobility.
func (s *Server) mobility(a huma.API) {
	huma.Register(a, read("list-logins", "/logins", "Who is logged in where",
		"End users who are logged in on phones (extension mobility), in force or not."), s.logins)
	huma.Register(a, read("list-login-trail", "/logins/trail", "Logins and logouts", "The newest logins and logouts, the newest first."), s.loginTrail)
	in := write(http.MethodPost, "log-in", "/login", "Log in",
		"Logs an end user in on a phone, and out of every other one. Standing subscriptions of the phone follow at once. "+
			"JSON or a form; of user_id and dialled one is given.")
	in.Errors = append(in.Errors, 404, 409, 429)
	huma.Register(a, in, s.logIn)
	out := write(http.MethodPost, "log-out", "/logout", "Log out", "Logs out whoever is logged in on a phone: its logout profile is in force again. JSON or a form.")
	out.Errors = append(out.Errors, 404, 409)
	huma.Register(a, out, s.logOut)
}

type loginsInput struct {
	Page
	Tenant string `query:"tenant" doc:"Only phones of this tenant."`
	Phone  string `query:"phone" doc:"Only this phone."`
	UserID string `query:"user_id" doc:"Only this end user."`
}

type loginsOutput struct{ Body api.LoginList }

func (s *Server) logins(_ context.Context, in *loginsInput) (*loginsOutput, error) {
	serving, err := s.serving()
	if err != nil {
		return nil, err
	}
	snap := serving.Snapshot()
	list := []api.Login{}
	for _, l := range serving.Mobility.Logins() {
		if (in.Tenant == "" || l.Phone.Tenant == in.Tenant) && (in.Phone == "" || l.Phone.Phone == in.Phone) && (in.UserID == "" || l.UserID == in.UserID) {
			list = append(list, loginOf(snap, l))
		}
	}
	return &loginsOutput{api.LoginList{Total: len(list), Logins: nonNil(pageOf(in.Page, list))}}, nil
}

// loginOf tells a login, and whether it counts.
func loginOf(snap *policy.Snapshot, l policystore.Session) api.Login {
	out := api.Login{Tenant: l.Phone.Tenant, Phone: l.Phone.Phone, UserID: l.UserID, Profile: l.Profile, Since: l.Since, By: l.By}
	profile, err := snap.LoginProfile(l.Phone, l.Login)
	if err != nil {
		out.Why = strings.TrimPrefix(err.Error(), "policy: ")
		return out
	}
	out.InForce, out.Profile = true, profile
	return out
}

type loginTrailInput struct {
	Limit int `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many."`
}

type loginTrailOutput struct{ Body api.LoginTrail }

func (s *Server) loginTrail(ctx context.Context, in *loginTrailInput) (*loginTrailOutput, error) {
	serving, err := s.serving()
	if err != nil {
		return nil, err
	}
	list, err := serving.Mobility.LoginTrail(ctx, in.Limit)
	if err != nil {
		return nil, problem("read the trail of logins", err)
	}
	out := &loginTrailOutput{api.LoginTrail{Entries: []api.LoginEntry{}}}
	for _, e := range list {
		what := "login"
		if e.Out {
			what = "logout"
		}
		out.Body.Entries = append(out.Body.Entries, api.LoginEntry{
			Revision: e.Revision, When: e.When, Who: e.Who, What: what, Tenant: e.Phone.Tenant, Phone: e.Phone.Phone,
			UserID: e.UserID, Profile: e.Profile, Replaced: e.Replaced, Left: e.Left,
		})
	}
	return out, nil
}

type logInInput struct{ Body api.LogIn }

type logInOutput struct{ Body api.LoggedIn }

func (s *Server) logIn(ctx context.Context, in *logInInput) (*logInOutput, error) {
	serving, err := s.serving()
	if err != nil {
		return nil, err
	}
	b := &in.Body
	if (b.UserID == "") == (b.Dialled == "") {
		return nil, huma.Error422UnprocessableEntity("give user_id, or dialled (what a phone dials behind the login code), one of them")
	}
	phone := phoneRef(serving.Snapshot(), b.Tenant, b.Phone)
	login := policy.Login{UserID: b.UserID, Profile: b.Profile}
	var moved policystore.Moved
	if b.Dialled != "" {
		login, moved, err = serving.Mobility.LogInDialled(ctx, phone, b.Dialled, editor(ctx))
	} else {
		moved, err = serving.Mobility.LogIn(ctx, phone, login, editor(ctx))
	}
	if err != nil {
		return nil, mobilityProblem("log in", err)
	}
	out := &logInOutput{api.LoggedIn{Replaced: moved.Replaced, Left: moved.Left}}
	out.Body.Login = loginOf(serving.Snapshot(), policystore.Session{Phone: phone, Login: login, Since: time.Now().UTC(), By: editor(ctx)})
	return out, nil
}

type logOutInput struct{ Body api.LogOut }

type logOutOutput struct{ Body api.LoggedOut }

func (s *Server) logOut(ctx context.Context, in *logOutInput) (*logOutOutput, error) {
	serving, err := s.serving()
	if err != nil {
		return nil, err
	}
	phone := phoneRef(serving.Snapshot(), in.Body.Tenant, in.Body.Phone)
	was, err := serving.Mobility.LogOut(ctx, phone, editor(ctx))
	if err != nil {
		return nil, mobilityProblem("log out", err)
	}
	return &logOutOutput{api.LoggedOut{Tenant: phone.Tenant, Phone: phone.Phone, UserID: was.UserID}}, nil
}

// phoneRef finds the phone that is meant: by its name, else by what identifies it when
// it subscribes. An empty tenant is the default one.
func phoneRef(snap *policy.Snapshot, tenant, phone string) policy.PhoneRef {
	if tenant == "" {
		tenant, _ = snap.TenantByHost("", nil)
	}
	named := slices.ContainsFunc(snap.Phones(tenant), func(p policy.PhoneInfo) bool { return p.Name == phone })
	if w, ok := snap.WatcherByIdentity(tenant, phone); !named && ok && w.Kind == policy.WatcherPhone {
		phone = w.ID
	}
	return policy.PhoneRef{Tenant: tenant, Phone: phone}
}

// mobilityProblem maps what a login or logout fails on.
func mobilityProblem(doing string, err error) error {
	why := "cannot " + doing + ": " + strings.TrimPrefix(strings.TrimPrefix(err.Error(), "policystore: logout: "), "policy: ")
	var wait *WaitError
	switch {
	case errors.As(err, &wait):
		seconds := strconv.Itoa(int(wait.Wait/time.Second) + 1)
		return huma.ErrorWithHeaders(huma.NewError(http.StatusTooManyRequests, why), http.Header{"Retry-After": {seconds}})
	case errors.Is(err, policy.ErrPIN):
		return huma.Error403Forbidden("cannot " + doing + ": the PIN is missing or wrong")
	case errors.Is(err, policy.ErrNoPhone), errors.Is(err, policy.ErrNoUser):
		return huma.Error404NotFound(strings.ReplaceAll(why, "policy: ", ""))
	case errors.Is(err, policy.ErrNotMobile):
		return huma.Error409Conflict(why + "; set extension_mobility for it in the policy")
	case errors.Is(err, policy.ErrNoProfile):
		return huma.Error409Conflict(why + "; add one to device_profiles of the end user in the policy")
	case errors.Is(err, policy.ErrNotLoggedIn):
		return huma.Error409Conflict(strings.ReplaceAll(why, "policy: ", ""))
	}
	return problem(doing, err)
}

// formFormat reads application/x-www-form-urlencoded, which is what dialplans can send.
var formFormat = huma.Format{
	Marshal: huma.DefaultJSONFormat.Marshal,
	Unmarshal: func(data []byte, v any) error {
		values, err := url.ParseQuery(string(data))
		if err != nil {
			return fmt.Errorf("this is no form: %w", err)
		}
		fields := map[string]any{}
		for key, list := range values {
			fields[key] = list[len(list)-1]
		}
		text, err := json.Marshal(fields)
		if err != nil {
			return err
		}
		return huma.DefaultJSONFormat.Unmarshal(text, v)
	},
}
