package policy

// Assigned is something that a presence group can be applied to, with what is.
type Assigned struct {
	// Kind is one of the Kind words, Name as in Dependent.
	Kind, Name string
	// PresenceGroup is empty for the default.
	PresenceGroup string
	// SubscribeCallingSearchSpace is empty for None, and where there can be none.
	SubscribeCallingSearchSpace string
}

// Assignments lists what of a kind a tenant has, in the order of the document; an empty
// kind is all that Apply can be used on.
func Assignments(d *Document, tenant, kind string) ([]Assigned, error) {
	n, t, err := tenantCopy(d, tenant)
	if err != nil {
		return nil, err
	}
	spaces := map[[2]string]string{}
	for i := range t.Phones {
		spaces[[2]string{KindPhone, t.Phones[i].Name}] = t.Phones[i].SubscribeCallingSearchSpace
	}
	for i := range t.EndUsers {
		spaces[[2]string{KindEndUser, t.EndUsers[i].UserID}] = t.EndUsers[i].SubscribeCallingSearchSpace
	}
	for i := range t.Trunks {
		spaces[[2]string{KindTrunk, t.Trunks[i].Name}] = t.Trunks[i].SubscribeCallingSearchSpace
	}
	for i := range t.DeviceProfiles {
		spaces[[2]string{KindDeviceProfile, t.DeviceProfiles[i].Name}] = t.DeviceProfiles[i].SubscribeCallingSearchSpace
	}
	var out []Assigned
	visitGroups(n, t, func(dep Dependent, group *string) {
		if dep.Kind == KindUnknownWatchers || dep.Kind == KindCrossTenant || kind != "" && kind != dep.Kind {
			return
		}
		out = append(out, Assigned{dep.Kind, dep.Name, *group, spaces[[2]string{dep.Kind, dep.Name}]})
	})
	return out, nil
}
