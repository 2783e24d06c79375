package policy

import (
	"fmt"
	"slices"
	"strings"
)

func (v *validator) securityProfiles(path string, t *Tenant, r *refs) {
	for i := range t.TrunkSecurityProfiles {
		p := &t.TrunkSecurityProfiles[i]
		at := fmt.Sprintf("%s.trunk_security_profiles[%d]", path, i)
		v.unique(at+".name", "trunk security profile", p.Name, r.profiles)
		if p.ApplicationLevelAuthorization && !p.Digest {
			v.add(at+".application_level_authorization", "cannot be on unless digest is: an application must be authenticated before it can be authorized")
		}
		v.texts(at+".x509_subject_names", p.X509SubjectNames)
	}
}

func (v *validator) trunks(path string, t *Tenant, r *refs) {
	owner, subject := map[source]string{}, map[string]string{}
	for i := range t.Trunks {
		k := &t.Trunks[i]
		at := fmt.Sprintf("%s.trunks[%d]", path, i)
		v.unique(at+".name", "trunk", k.Name, r.trunks)
		v.oneOf(at+".protocol", k.Protocol, ProtocolSIP, ProtocolH323, ProtocolMGCP)
		for j, a := range k.Addresses {
			where := fmt.Sprintf("%s.addresses[%d]", at, j)
			s, ok := parseSource(a)
			switch other, taken := owner[s]; {
			case !ok:
				v.add(where, "%q is no IP address, with or without port, and no network", a)
			case taken:
				v.add(where, "%q is an address of trunk %q already", a, other)
			default:
				owner[s] = k.Name
			}
		}
		for j, d := range k.Destinations {
			if _, ok := parseDestination(d); !ok {
				v.add(fmt.Sprintf("%s.destinations[%d]", at, j), "%q is no host or host:port, perhaps with ;transport=udp, tcp or tls", d)
			}
		}
		if k.SecurityProfile != "" {
			v.reference(at+".security_profile", "trunk security profile", k.SecurityProfile, r.profiles)
		}
		for _, name := range subjectsOf(t, k.SecurityProfile) {
			if other, taken := subject[strings.ToLower(name)]; taken {
				v.add(at+".security_profile", "the certificate name %q is trunk %q's already", name, other)
			}
			subject[strings.ToLower(name)] = k.Name
		}
		v.group(at+".presence_group", k.PresenceGroup, r.groups)
		v.space(at, k.SubscribeCallingSearchSpace, r)
		v.digest(at+".digest", k.Digest, r)
		if o := k.OutboundDigest; o != nil {
			// Many trunks may use one account at the other end.
			v.digest(at+".outbound_digest", o, &refs{digests: map[string]string{}})
		}
	}
}

// subjectsOf are the certificate names of a security profile.
func subjectsOf(t *Tenant, profile string) []string {
	i := slices.IndexFunc(t.TrunkSecurityProfiles, func(p TrunkSecurityProfile) bool { return p.Name == profile })
	if i < 0 || profile == "" {
		return nil
	}
	return t.TrunkSecurityProfiles[i].X509SubjectNames
}

func (v *validator) applicationUsers(path string, t *Tenant, r *refs) {
	ids := newNameSet()
	for i := range t.ApplicationUsers {
		u := &t.ApplicationUsers[i]
		at := fmt.Sprintf("%s.application_users[%d]", path, i)
		v.unique(at+".user_id", "application user", u.UserID, ids)
		v.group(at+".presence_group", u.PresenceGroup, r.groups)
		v.digest(at+".digest", u.Digest, r)
	}
}

func (v *validator) credentialFiles(path string, t *Tenant) {
	seen := map[int]bool{}
	for i, f := range t.AuthenticateCredentials {
		at := fmt.Sprintf("%s.authenticate_credentials[%d]", path, i)
		switch {
		case f.Tag < 1 || f.Tag > MaxCredentialFiles:
			v.add(at+".tag", "%d is not possible: 1 to %d", f.Tag, MaxCredentialFiles)
		case seen[f.Tag]:
			v.add(at+".tag", "there is a file of tag %d already", f.Tag)
		}
		seen[f.Tag] = true
		scheme, _, remote := strings.Cut(f.Location, "://")
		if f.Location == "" || f.Location != strings.TrimSpace(f.Location) || remote && scheme != "http" && scheme != "https" {
			v.add(at+".location", "%q is no file name and no http URL", f.Location)
		}
	}
}
