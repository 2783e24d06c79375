package policy

import (
	"fmt"
	"slices"
	"strings"
)

func (v *validator) lines(path string, t *Tenant, r *refs) {
	r.lines = map[Line]string{}
	for i := range t.Lines {
		l := &t.Lines[i]
		at := fmt.Sprintf("%s.lines[%d]", path, i)
		if !known(l.Partition, r.partitions) {
			v.partition(at+".partition", l.Partition, r)
		}
		if !known(l.PresenceGroup, r.groups) {
			v.group(at+".presence_group", l.PresenceGroup, r.groups)
		}
		if l.Class != "" {
			v.reference(at+".class", "line class", l.Class, r.classes)
		}
		if l.LineOptions != (LineOptions{}) {
			v.options(at, &l.LineOptions)
		}
		if len(l.Devices)+len(l.DNDDevices) > 0 {
			v.texts(at+".devices", l.Devices)
			v.texts(at+".dnd_devices", l.DNDDevices)
		}
		numbers := append([]string{l.Number}, l.Aliases...)
		for j, n := range numbers {
			where := at + ".number"
			if j > 0 {
				where = fmt.Sprintf("%s.aliases[%d]", at, j-1)
			}
			if !v.number(where, n) {
				continue
			}
			k := Line{Partition: partitionName(l.Partition), Number: r.dial.normalise(n)}
			if other, ok := r.lines[k]; ok && other != at {
				v.add(where, "number %q is in partition %q already, at %s", n, partitionOrNone(l.Partition), other)
				continue
			}
			r.lines[k] = at
		}
	}
}

// known spares the making of a path for a reference that holds: most do.
func known(name string, names *nameSet) bool { return name == "" || names.has(name) }

func partitionOrNone(name string) string {
	if name == "" {
		return NonePartition
	}
	return name
}

func (v *validator) partition(path, name string, r *refs) {
	if name != "" {
		v.reference(path, "partition", name, r.partitions)
	}
}

// number checks what can be dialled or stand in a URI's user part.
func (v *validator) number(path, n string) bool {
	if n == "" {
		v.add(path, "a number is missing")
		return false
	}
	if n != strings.TrimSpace(n) || bareDialPlan.normalise(n) == "" ||
		strings.ContainsFunc(n, func(c rune) bool { return c < ' ' || c == 0x7f || strings.ContainsRune("<>\";", c) }) {
		v.add(path, "%q is no number", n)
		return false
	}
	return true
}

// texts must be there and differ.
func (v *validator) texts(path string, list []string) {
	for i, s := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		if s == "" || s != strings.TrimSpace(s) {
			v.add(at, "%q is no name", s)
		} else if slices.Contains(list[:i], s) {
			v.add(at, "%q is listed twice", s)
		}
	}
}

func (v *validator) phones(path string, t *Tenant, r *refs) {
	r.digests = map[string]string{}
	names := map[string]bool{}
	for i := range t.Phones {
		p := &t.Phones[i]
		at := fmt.Sprintf("%s.phones[%d]", path, i)
		if v.name(at+".name", "phone", p.Name) {
			if names[p.Name] {
				v.add(at+".name", "phone %q is there already", p.Name)
			}
			names[p.Name] = true
		}
		v.texts(at+".devices", p.Devices)
		if !known(p.PresenceGroup, r.groups) {
			v.group(at+".presence_group", p.PresenceGroup, r.groups)
		}
		if !known(p.SubscribeCallingSearchSpace, r.spaces) {
			v.space(at, p.SubscribeCallingSearchSpace, r)
		}
		v.oneOf(at+".blf_call_lists", string(p.BLFCallLists), string(SwitchOn), string(SwitchOff), string(SwitchDefault))
		if p.Owner != "" {
			v.reference(at+".owner", "end user", p.Owner, r.users)
		}
		if p.Digest != nil {
			v.digest(at+".digest", p.Digest, r)
		}
		v.phoneLines(at, p.Lines, t, r)
		v.buttons(at, p.BLFButtons, t, r)
	}
}

func (v *validator) space(path, name string, r *refs) {
	if name != "" {
		v.reference(path+".subscribe_calling_search_space", "calling search space", name, r.spaces)
	}
}

// phoneLine checks a line of a phone. A tenant that learns numbers may have lines that
// are not listed; in a partition they must be.
func (v *validator) phoneLine(path, ref string, t *Tenant, r *refs) {
	number, partition := splitLine(ref)
	if !v.number(path, number) {
		return
	}
	if partition != "" && !r.partitions.has(partition) {
		v.partition(path, partition, r)
		return
	}
	n := r.dial.normalise(number)
	if _, ok := r.lines[Line{Partition: partitionName(partition), Number: n}]; ok {
		return
	}
	if partition == "" && slices.ContainsFunc(r.partitions.list, func(p string) bool { _, ok := r.lines[Line{Partition: p, Number: n}]; return ok }) {
		return
	}
	if partitionName(partition) == "" && (t.Learn == nil || *t.Learn) {
		return
	}
	var numbers []string
	for i := range t.Lines {
		numbers = append(numbers, t.Lines[i].Number)
	}
	v.add(path, "no line %q in partition %q%s", number, partitionOrNone(partition), didYouMean(number, numbers))
}

func (v *validator) endUsers(path string, t *Tenant, r *refs) {
	ids := newNameSet()
	for i := range t.EndUsers {
		u := &t.EndUsers[i]
		at := fmt.Sprintf("%s.end_users[%d]", path, i)
		v.unique(at+".user_id", "end user", u.UserID, ids)
		v.group(at+".presence_group", u.PresenceGroup, r.groups)
		v.space(at, u.SubscribeCallingSearchSpace, r)
		v.digest(at+".digest", u.Digest, r)
		v.pin(at+".pin", u.PIN)
	}
}

func (v *validator) digest(path string, g *Digest, r *refs) {
	if g == nil {
		return
	}
	switch {
	case g.Username == "":
		v.add(path+".username", "a digest user needs a username")
	case r.digests[g.Username] != "":
		v.add(path+".username", "%q is a digest user already, at %s", g.Username, r.digests[g.Username])
	default:
		r.digests[g.Username] = path
	}
	if g.Password == "" && g.HA1 == "" && g.HA1SHA256 == "" {
		v.add(path, "a digest user needs a password, ha1 or ha1_sha256")
	}
	v.hex(path+".ha1", g.HA1, 32)
	v.hex(path+".ha1_sha256", g.HA1SHA256, 64)
}

func (v *validator) hex(path, s string, digits int) {
	if s != "" && (len(s) != digits || strings.ContainsFunc(s, func(c rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF", c) })) {
		v.add(path, "want %d hexadecimal digits", digits)
	}
}
