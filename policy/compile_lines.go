package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

func (t *tenant) compileLines(d *Tenant) {
	classes := map[string]*LineOptions{}
	for i := range d.LineClasses {
		classes[d.LineClasses[i].Name] = &d.LineClasses[i].LineOptions
	}
	for i := range d.Lines {
		l := &d.Lines[i]
		e := &lineEntry{partition: t.partitions[l.Partition], group: t.group(l.PresenceGroup)}
		e.info = LineInfo{
			Line:        Line{Tenant: t.name, Partition: partitionName(l.Partition), Number: t.dial.normalise(l.Number)},
			DisplayName: l.DisplayName, Description: l.Description,
			PresenceGroup: t.groupNames[e.group],
			Options:       resolveOptions(l.LineOptions, classes[l.Class]),
			Devices:       slices.Clone(l.Devices), DNDDevices: slices.Clone(l.DNDDevices),
		}
		e.allowWatch = *e.info.Options.AllowWatch
		if p := e.info.Options.Pickup; p != nil {
			e.pickup, e.pickupRule = *p, fmt.Sprintf("line %s: pickup: %t", e.info.Number, *p)
		}
		e.offRule = fmt.Sprintf("line %s: allow watch off", e.info.Number)
		e.info.Numbers = t.lineNumbers(l)
		for _, n := range e.info.Numbers {
			t.numbers[n] = append(t.numbers[n], e)
		}
		for _, name := range l.Devices {
			for _, n := range SpecialNumbers(name) {
				// Watched by its name it is the same line, under the same rules.
				if !slices.Contains(t.numbers[n], e) {
					t.numbers[n] = append(t.numbers[n], e)
				}
			}
			if e.partition != 0 || e.group != 0 || !e.allowWatch {
				t.claims[name] = true
			}
		}
		t.lines = append(t.lines, e)
	}
}

// compilePilots puts hunt pilots among the numbers, where they only refuse.
func (t *tenant) compilePilots(d *Tenant) {
	for i := range d.HuntPilots {
		p := &d.HuntPilots[i]
		n := t.dial.normalise(p.Number)
		e := &lineEntry{
			partition: t.partitions[p.Partition], allowWatch: true,
			pilotRule: fmt.Sprintf("hunt pilot %s: cannot be watched", n),
		}
		e.info.Line = Line{Tenant: t.name, Partition: partitionName(p.Partition), Number: n}
		e.info.Numbers = []string{n}
		e.info.PresenceGroup = StandardGroup
		t.numbers[n] = append(t.numbers[n], e)
		t.pilots = append(t.pilots, e)
	}
}

// lineNumbers are all numbers of a line, normalised, each once, the first one first.
func (t *tenant) lineNumbers(l *DirectoryNumber) []string {
	numbers := []string{t.dial.normalise(l.Number)}
	for _, a := range l.Aliases {
		if n := t.dial.normalise(a); !slices.Contains(numbers, n) {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// partitionName is how a partition appears in a Line: empty for <None>.
func partitionName(name string) string {
	if name == NonePartition {
		return ""
	}
	return name
}

// resolveOptions fills in what a line leaves open: from its class, then by default.
func resolveOptions(o LineOptions, class *LineOptions) LineOptions {
	if class == nil {
		class = &LineOptions{}
	}
	on := true
	allow := cmp.Or(o.AllowWatch, class.AllowWatch, &on)
	allowed := *allow
	return LineOptions{
		AllowWatch:     &allowed,
		RingInUse:      cmp.Or(o.RingInUse, class.RingInUse, StateBusy),
		RingInAs:       cmp.Or(o.RingInAs, class.RingInAs, StateRinging),
		UnregisteredAs: cmp.Or(o.UnregisteredAs, class.UnregisteredAs, StateUnknown),
		OffhookAs:      cmp.Or(o.OffhookAs, class.OffhookAs, StateBusy),
		Pickup:         cmp.Or(o.Pickup, class.Pickup),
	}
}

// DefaultLineOptions are those of a learned line.
func DefaultLineOptions() LineOptions { return resolveOptions(LineOptions{}, nil) }

// splitLine takes "1001@Internal" apart into number and partition.
func splitLine(ref string) (number, partition string) {
	if i := strings.LastIndexByte(ref, '@'); i > 0 && !SpecialName(ref) {
		return ref[:i], ref[i+1:]
	}
	return ref, ""
}

// SpecialNumbers are the names under which a special device that a line lists is
// watched: its own ("park:701@parkedcalls") and, where what follows is a domain
// ("park:5900@tenant.example"), the part before it. None for other devices.
func SpecialNumbers(device string) []string {
	if !SpecialName(device) {
		return nil
	}
	device = canonicalSpecial(device)
	names := []string{device}
	if i := strings.LastIndexByte(device, '@'); i > 0 && strings.IndexByte(device[i:], '.') > 0 {
		names = append(names, device[:i])
	}
	return names
}
