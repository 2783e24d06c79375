package admin

import (
	"context"
	"fmt"

	"github.com/danielgtaylor/huma/v2"

	"blfbridge/policy"
)

type addGroupInput struct {
	EditInput
	Body struct {
		Name        string `json:"name"`
		Description string `json:"description,omitempty"`
	}
}

func (s *Server) addGroup(ctx context.Context, in *addGroupInput) (*changedOutput, error) {
	return s.edit(ctx, &in.EditInput, "add the presence group", func(d *policy.Document) (*policy.Document, error) {
		return policy.AddGroup(d, in.Tenant, policy.PresenceGroup{Name: in.Body.Name, Description: in.Body.Description})
	})
}

type copyGroupInput struct {
	EditInput
	Name string `path:"name" doc:"Of the presence group to copy."`
	Body struct {
		Name string `json:"name" doc:"Of the new one."`
	}
}

func (s *Server) copyGroup(ctx context.Context, in *copyGroupInput) (*changedOutput, error) {
	return s.edit(ctx, &in.EditInput, "copy the presence group", func(d *policy.Document) (*policy.Document, error) {
		return policy.CopyGroup(d, in.Tenant, in.Name, in.Body.Name)
	})
}

type changeGroupInput struct {
	EditInput
	Name string `path:"name" doc:"Of the presence group."`
	Body struct {
		Name        *string `json:"name,omitempty" doc:"Another name: wherever it is used it is renamed."`
		Description *string `json:"description,omitempty" doc:"Another description."`
	}
}

func (s *Server) changeGroup(ctx context.Context, in *changeGroupInput) (*changedOutput, error) {
	if in.Body.Name == nil && in.Body.Description == nil {
		return nil, huma.Error422UnprocessableEntity("there is nothing to change: send name, description or both")
	}
	return s.edit(ctx, &in.EditInput, "change the presence group", func(d *policy.Document) (*policy.Document, error) {
		name := in.Name
		var err error
		if in.Body.Name != nil {
			if d, err = policy.RenameGroup(d, in.Tenant, name, *in.Body.Name); err != nil {
				return nil, err
			}
			name = *in.Body.Name
		}
		if in.Body.Description != nil {
			d, err = policy.DescribeGroup(d, in.Tenant, name, *in.Body.Description)
		}
		return d, err
	})
}

type deleteGroupInput struct {
	EditInput
	Name string `path:"name" doc:"Of the presence group."`
}

func (s *Server) deleteGroup(ctx context.Context, in *deleteGroupInput) (*changedOutput, error) {
	return s.deleted(ctx, &in.EditInput, in.Name)
}

type deleteGroupsInput struct {
	EditInput
	Name []string `query:"name,explode" required:"true" minItems:"1" doc:"A presence group; it may be given many times."`
}

func (s *Server) deleteGroups(ctx context.Context, in *deleteGroupsInput) (*changedOutput, error) {
	return s.deleted(ctx, &in.EditInput, in.Name...)
}

func (s *Server) deleted(ctx context.Context, in *EditInput, names ...string) (*changedOutput, error) {
	return s.edit(ctx, in, "delete the presence "+plural(len(names), "group"), func(d *policy.Document) (*policy.Document, error) {
		return policy.DeleteGroups(d, in.Tenant, names...)
	})
}

func plural(n int, what string) string {
	if n == 1 {
		return what
	}
	return what + "s"
}

type relateInput struct {
	EditInput
	Body struct {
		From      []string `json:"from" minItems:"1" doc:"Groups of watchers."`
		To        []string `json:"to" minItems:"1" doc:"Groups of presentities."`
		Subscribe string   `json:"subscribe,omitempty" enum:"allow,disallow,system_default" doc:"Left out: it stays."`
		View      string   `json:"view,omitempty" enum:"default,none,state,ringing,name,number" doc:"How much a watcher sees; left out: it stays."`
		Pickup    string   `json:"pickup,omitempty" enum:"default,yes,no" doc:"Left out: it stays."`
	}
}

// relateGroups relates several groups to several at once.
func (s *Server) relateGroups(ctx context.Context, in *relateInput) (*changedOutput, error) {
	b := &in.Body
	if b.Subscribe == "" && b.View == "" && b.Pickup == "" {
		return nil, huma.Error422UnprocessableEntity("there is nothing to change: send subscribe, view or pickup")
	}
	r, err := ParseRelation(b.From, b.To, b.Subscribe, b.View, b.Pickup)
	if err != nil {
		return nil, problem("relate the presence groups", err)
	}
	return s.edit(ctx, &in.EditInput, "relate the presence groups", func(d *policy.Document) (*policy.Document, error) {
		return policy.RelateGroups(d, in.Tenant, r)
	})
}

// ParseRelation reads the words of a relation: a permission, a view or "default", and
// "yes", "no" or "default" for pickup; what is empty stays. The error is policy.Problems.
func ParseRelation(from, to []string, subscribe, view, pickup string) (policy.Relation, error) {
	r := policy.Relation{From: from, To: to, Subscribe: policy.Permission(subscribe), SetView: view != "", SetPickup: pickup != ""}
	if view != "" && view != "default" {
		r.View = new(policy.View)
		if err := r.View.UnmarshalText([]byte(view)); err != nil {
			return r, policy.Problems{{Path: "view", Message: err.Error() + " or default"}}
		}
	}
	switch yes := pickup == "yes"; {
	case yes, pickup == "no":
		r.Pickup = &yes
	case pickup != "" && pickup != "default":
		return r, policy.Problems{{Path: "pickup", Message: fmt.Sprintf("%q is not possible here, want yes, no or default", pickup)}}
	}
	return r, nil
}

type assignInput struct {
	EditInput
	Body struct {
		Kind  string   `json:"kind" enum:"line,phone,end_user,trunk,application_user,device_profile"`
		Names []string `json:"names" minItems:"1" doc:"Of lines the number, or number@partition."`
		Group *string  `json:"presence_group,omitempty" doc:"Empty: the default again. Left out: it stays."`
		Space *string  `json:"subscribe_calling_search_space,omitempty" doc:"Empty: None. Left out: it stays."`
	}
}

// assign applies a presence group or a calling search space.
func (s *Server) assign(ctx context.Context, in *assignInput) (*changedOutput, error) {
	b := &in.Body
	if b.Group == nil && b.Space == nil {
		return nil, huma.Error422UnprocessableEntity("there is nothing to apply: send presence_group, subscribe_calling_search_space or both")
	}
	return s.edit(ctx, &in.EditInput, "apply it", func(d *policy.Document) (*policy.Document, error) {
		return policy.Apply(d, in.Tenant, policy.Applied{Kind: b.Kind, Names: b.Names, PresenceGroup: b.Group, SubscribeCallingSearchSpace: b.Space})
	})
}

type autogenerateInput struct {
	EditInput
	Body struct {
		Phone string `json:"phone"`
		Name  string `json:"name" doc:"Of the new device profile."`
	}
}

// autogenerate makes a phone's logout profile out of its settings.
func (s *Server) autogenerate(ctx context.Context, in *autogenerateInput) (*changedOutput, error) {
	return s.edit(ctx, &in.EditInput, "autogenerate the device profile", func(d *policy.Document) (*policy.Document, error) {
		return policy.AutogenerateProfile(d, in.Tenant, in.Body.Phone, in.Body.Name)
	})
}
