package policy

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Errors of the operations on presence groups. The operations never change the document
// they are given: they return a new one, which may share what did not change.
var (
	ErrNoTenant      = errors.New("policy: no such tenant")
	ErrNoGroup       = errors.New("policy: no such presence group")
	ErrGroupExists   = errors.New("policy: there is such a presence group already")
	ErrStandardGroup = errors.New("policy: the presence group Standard cannot be deleted or renamed")
	// ErrInUse is wrapped by *InUseError.
	ErrInUse = errors.New("policy: the presence group is in use")
)

// InUseError refuses to delete groups that have dependents.
type InUseError struct {
	// Dependents are all that use one of the groups.
	Dependents []Dependent
}

// Error lists the dependents.
func (e *InUseError) Error() string {
	list := make([]string, len(e.Dependents))
	for i, d := range e.Dependents {
		list[i] = d.String()
	}
	return ErrInUse.Error() + ": " + strings.Join(list, ", ")
}

// Unwrap makes errors.Is(err, ErrInUse) true.
func (e *InUseError) Unwrap() error { return ErrInUse }

// GroupInfo is a presence group as the Find and List window has it.
type GroupInfo struct {
	PresenceGroup
	// Dependents is how many things use it.
	Dependents int
	// Undeletable is true for Standard.
	Undeletable bool
}

// HomeTenant is the tenant that the operations take where none is named: default_tenant,
// else the first one listed, else DefaultTenant.
func (d *Document) HomeTenant() string {
	switch {
	case d.DefaultTenant != "":
		return d.DefaultTenant
	case len(d.Tenants) > 0:
		return d.Tenants[0].Name
	}
	return DefaultTenant
}

// tenantCopy copies the document and one tenant, whose slices are still shared; an empty
// name is the home tenant's.
func tenantCopy(d *Document, tenant string) (*Document, *Tenant, error) {
	n := *d
	if tenant == "" {
		tenant = d.HomeTenant()
	}
	n.Tenants = slices.Clone(d.Tenants)
	if len(n.Tenants) == 0 && tenant == DefaultTenant {
		// The tenant of a document that lists none; written down it is the same.
		n.Tenants = []Tenant{{Name: DefaultTenant}}
	}
	i := slices.IndexFunc(n.Tenants, func(t Tenant) bool { return t.Name == tenant })
	if i < 0 {
		return nil, nil, fmt.Errorf("%w: %q", ErrNoTenant, tenant)
	}
	return &n, &n.Tenants[i], nil
}

// checked returns the document if it is valid.
func checked(d *Document) (*Document, error) {
	if err := Validate(d); err != nil {
		return nil, err
	}
	return d, nil
}

func hasGroup(t *Tenant, name string) error {
	if name != StandardGroup && !slices.ContainsFunc(t.PresenceGroups, func(g PresenceGroup) bool { return g.Name == name }) {
		return fmt.Errorf("%w: %q%s", ErrNoGroup, name, didYouMean(name, groupNames(t).list))
	}
	return nil
}

func newGroup(t *Tenant, name string) error {
	if have, ok := groupNames(t).like(name); ok {
		return fmt.Errorf("%w: %q", ErrGroupExists, have)
	}
	return nil
}

// AddGroup adds a presence group. All its relations are "system default" at first (CUCM,
// tip in Understanding Presence Groups). Standard may be added to describe it.
func AddGroup(d *Document, tenant string, g PresenceGroup) (*Document, error) {
	n, t, err := tenantCopy(d, tenant)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(t.PresenceGroups, func(x PresenceGroup) bool { return strings.EqualFold(x.Name, g.Name) }) {
		return nil, fmt.Errorf("%w: %q", ErrGroupExists, g.Name)
	}
	t.PresenceGroups = append(slices.Clone(t.PresenceGroups), g)
	return checked(n)
}

// DescribeGroup changes the description.
func DescribeGroup(d *Document, tenant, name, description string) (*Document, error) {
	n, t, err := tenantCopy(d, tenant)
	if err != nil {
		return nil, err
	}
	if err := hasGroup(t, name); err != nil {
		return nil, err
	}
	t.PresenceGroups = slices.Clone(t.PresenceGroups)
	i := slices.IndexFunc(t.PresenceGroups, func(x PresenceGroup) bool { return x.Name == name })
	if i < 0 {
		t.PresenceGroups = append(t.PresenceGroups, PresenceGroup{Name: name})
		i = len(t.PresenceGroups) - 1
	}
	t.PresenceGroups[i].Description = description
	return checked(n)
}

// CopyGroup adds a group with the description of another and what that one may watch.
// Who may watch the new one is the other groups' business, and "system default" at first.
func CopyGroup(d *Document, tenant, from, to string) (*Document, error) {
	n, t, err := tenantCopy(d, tenant)
	if err != nil {
		return nil, err
	}
	if err := cmp.Or(hasGroup(t, from), newGroup(t, to)); err != nil {
		return nil, err
	}
	g := PresenceGroup{Name: to}
	for _, x := range t.PresenceGroups {
		if x.Name == from {
			g.Description = x.Description
		}
	}
	t.PresenceGroups = append(slices.Clone(t.PresenceGroups), g)
	permissions := slices.Clone(t.Permissions)
	for _, p := range t.Permissions {
		if p.From != from {
			continue
		}
		if p.To == from {
			p.To = to // among themselves
		}
		p.From = to
		permissions = append(permissions, p)
	}
	t.Permissions = permissions
	return checked(n)
}

// RenameGroup gives a group another name wherever it is named.
func RenameGroup(d *Document, tenant, from, to string) (*Document, error) {
	n, t, err := tenantCopy(d, tenant)
	if err != nil {
		return nil, err
	}
	if from == StandardGroup {
		return nil, ErrStandardGroup
	}
	if err := hasGroup(t, from); err != nil {
		return nil, err
	}
	if !strings.EqualFold(from, to) {
		if err := newGroup(t, to); err != nil {
			return nil, err
		}
	}
	visitGroups(n, t, func(_ Dependent, group *string) {
		if *group == from {
			*group = to
		}
	})
	t.PresenceGroups = slices.Clone(t.PresenceGroups)
	for i := range t.PresenceGroups {
		if t.PresenceGroups[i].Name == from {
			t.PresenceGroups[i].Name = to
		}
	}
	t.Permissions = slices.Clone(t.Permissions)
	for i := range t.Permissions {
		for _, side := range []*string{&t.Permissions[i].From, &t.Permissions[i].To} {
			if *side == from {
				*side = to
			}
		}
	}
	return checked(n)
}

// DeleteGroups deletes several groups and their relations, all or none. Standard cannot
// be deleted, nor a group that something uses: the error is *InUseError then.
func DeleteGroups(d *Document, tenant string, names ...string) (*Document, error) {
	n, t, err := tenantCopy(d, tenant)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if name == StandardGroup {
			return nil, ErrStandardGroup
		}
		if err := hasGroup(t, name); err != nil {
			return nil, err
		}
	}
	dependents, err := GroupDependents(d, tenant, names...)
	if err != nil {
		return nil, err
	}
	if len(dependents) > 0 {
		return nil, &InUseError{dependents}
	}
	gone := func(name string) bool { return slices.Contains(names, name) }
	t.PresenceGroups = slices.DeleteFunc(slices.Clone(t.PresenceGroups), func(g PresenceGroup) bool { return gone(g.Name) })
	t.Permissions = slices.DeleteFunc(slices.Clone(t.Permissions), func(p GroupPermission) bool { return gone(p.From) || gone(p.To) })
	return checked(n)
}
