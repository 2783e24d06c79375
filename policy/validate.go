package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Validate reports everything that is wrong with a document as Problems, in the order
// of the document, or nil.
func Validate(d *Document) error {
	v := &validator{}
	v.oneOf("default_inter_presence_group_subscription", string(d.DefaultInterPresenceGroupSubscription), string(Allow), string(Disallow))
	v.oneOf("blf_for_call_lists", string(d.BLFForCallLists), string(SwitchOn), string(SwitchOff))
	v.oneOf("allow_watch_off_as", d.AllowWatchOffAs, string(StateUnknown), Refuse)
	v.oneOf("refused_as", d.RefusedAs, Refuse, PretendIdle)
	v.between("retry_interval", d.RetryInterval, MinRetryInterval, MaxRetryInterval)
	v.between("retry_limit", d.RetryLimit, MinRetryLimit, MaxRetryLimit)
	v.notNegative("max_subscriptions", d.MaxSubscriptions)
	v.notNegative("max_subscriptions_per_watcher", d.MaxSubscriptionsPerWatcher)

	tenants := map[string]*Tenant{}
	names := newNameSet()
	for i := range d.Tenants {
		t := &d.Tenants[i]
		if v.unique(fmt.Sprintf("tenants[%d].name", i), "tenant", t.Name, names) {
			tenants[t.Name] = t
		}
	}
	if d.DefaultTenant != "" {
		v.reference("default_tenant", "tenant", d.DefaultTenant, names)
	}
	v.unknownWatchers(d)
	v.domains(d)
	for i := range d.Tenants {
		v.tenant(fmt.Sprintf("tenants[%d]", i), &d.Tenants[i])
	}
	v.crossTenant(d, tenants, names)
	if len(v.problems) > 0 {
		return v.problems
	}
	return nil
}

type validator struct{ problems Problems }

func (v *validator) add(path, format string, args ...any) {
	v.problems = append(v.problems, Problem{Path: path, Message: fmt.Sprintf(format, args...)})
}

// oneOf checks a word; empty is always the default.
func (v *validator) oneOf(path, word string, words ...string) {
	if word != "" && !slices.Contains(words, word) {
		v.add(path, "%q is not possible here, want %s%s", word, orList(words), didYouMean(word, words))
	}
}

func (v *validator) notNegative(path string, n int) {
	if n < 0 {
		v.add(path, "%d is negative; 0 means no limit", n)
	}
}

// between checks a number; 0 is always the default.
func (v *validator) between(path string, n, low, high int) {
	if n != 0 && (n < low || n > high) {
		v.add(path, "%d is not possible: %d to %d", n, low, high)
	}
}

// unique checks a new name against those before it and adds it; false if it cannot be used.
func (v *validator) unique(path, kind, name string, before *nameSet) bool {
	if !v.name(path, kind, name) {
		return false
	}
	if other, ok := before.like(name); ok {
		v.add(path, "%s %q is there already", kind, other)
		return false
	}
	before.add(name)
	return true
}

// name checks what a thing may be called.
func (v *validator) name(path, kind, name string) bool {
	switch {
	case name == "":
		v.add(path, "%s without a name", kind)
	case name != strings.TrimSpace(name) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		v.add(path, "%s name %q has spaces around it or control characters in it", kind, name)
	default:
		return true
	}
	return false
}

// reference checks that a name exists.
func (v *validator) reference(path, kind, name string, names *nameSet) {
	if !names.has(name) {
		v.add(path, "no %s %q%s", kind, name, didYouMean(name, names.list))
	}
}

func (v *validator) unknownWatchers(d *Document) {
	u := d.UnknownWatchers
	for i, n := range u.TrustedNetworks {
		if _, err := parsePrefix(n); err != nil {
			v.add(fmt.Sprintf("unknown_watchers.trusted_networks[%d]", i), "%q is no network such as 10.0.0.0/8 and no address", n)
		}
	}
	v.oneOf("unknown_watchers.others", u.Others, Challenge, Refuse)
	switch u.As {
	case "", StandardGroup, Challenge, Refuse:
		return
	}
	// The group must be known everywhere, or unknown watchers would be refused where not.
	for i := range d.Tenants {
		if names := groupNames(&d.Tenants[i]); !names.has(u.As) {
			v.add("unknown_watchers.as", "no presence group %q in tenant %q%s (or %s)",
				u.As, d.Tenants[i].Name, didYouMean(u.As, names.list), orList([]string{Challenge, Refuse}))
		}
	}
	if len(d.Tenants) == 0 {
		v.add("unknown_watchers.as", "no presence group %q: without tenants there is only %q (or %s)",
			u.As, StandardGroup, orList([]string{Challenge, Refuse}))
	}
}

// domains belong to one tenant each.
func (v *validator) domains(d *Document) {
	owner := map[string]string{}
	for i := range d.Tenants {
		t := &d.Tenants[i]
		for j, h := range t.Domains {
			path := fmt.Sprintf("tenants[%d].domains[%d]", i, j)
			n := normaliseHost(h)
			switch {
			case n == "" || strings.ContainsAny(n, " \t@/;<>\"") || strings.HasPrefix(h, "sip:") || strings.HasPrefix(h, "sips:"):
				v.add(path, "%q is no host name", h)
			case owner[n] != "":
				v.add(path, "domain %q belongs to tenant %q already", h, owner[n])
			default:
				owner[n] = t.Name
			}
		}
	}
}

func (v *validator) crossTenant(d *Document, tenants map[string]*Tenant, names *nameSet) {
	seen := map[crossKey]bool{}
	for i, c := range d.CrossTenantPermissions {
		path := fmt.Sprintf("cross_tenant_permissions[%d]", i)
		for _, side := range []struct {
			key string
			g   TenantGroup
		}{{"from", c.From}, {"to", c.To}} {
			t := tenants[side.g.Tenant]
			if t == nil {
				v.reference(path+"."+side.key+".tenant", "tenant", side.g.Tenant, names)
				continue
			}
			v.group(path+"."+side.key+".presence_group", side.g.PresenceGroup, groupNames(t))
		}
		if c.From.Tenant == c.To.Tenant {
			v.add(path, "both sides are tenant %q: use its permissions", c.From.Tenant)
		}
		k := crossKey{c.From.Tenant, standardIfEmpty(c.From.PresenceGroup), c.To.Tenant, standardIfEmpty(c.To.PresenceGroup)}
		if seen[k] {
			v.add(path, "there is such a permission already")
		}
		seen[k] = true
	}
}
