package admin

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/compositor"
	"blfbridge/bridge/device"
	"blfbridge/policy"
)

// Page asks for a part of a list. It is exported for huma, which looks into embedded
// structs only then.
type Page struct {
	Limit  int `query:"limit" minimum:"1" maximum:"10000" default:"100" doc:"How many to return."`
	Offset int `query:"offset" minimum:"0" default:"0" doc:"How many to leave out first."`
}

// pageOf cuts a page out of a list.
func pageOf[T any](p Page, list []T) []T {
	list = list[min(p.Offset, len(list)):]
	return slices.Clone(list[:min(p.Limit, len(list))])
}

type linesInput struct {
	Page
	Tenant string `query:"tenant" doc:"Only this tenant."`
	Number string `query:"number" doc:"Only this number; the forms of one number are equal."`
	State  string `query:"state" enum:"unknown,idle,ringing,busy,dnd" doc:"Only lines whose single lamp shows this."`
}

type linesOutput struct{ Body api.LineList }

func (s *Server) lines(_ context.Context, in *linesInput) (*linesOutput, error) {
	serving, err := s.serving()
	if err != nil {
		return nil, err
	}
	match := numberFilter{snapshot: serving.Snapshot(), given: in.Number}
	var list []api.Line
	serving.Lamps.Visit(func(k compositor.Key, l compositor.Lamp) {
		lamp := l.Single().String()
		if in.Tenant != "" && k.Tenant != in.Tenant || in.State != "" && lamp != in.State || !match.is(k.Tenant, k.Number) {
			return
		}
		list = append(list, lineOf(k, &l))
	})
	slices.SortFunc(list, func(a, b api.Line) int {
		return cmp.Or(strings.Compare(a.Tenant, b.Tenant), compareNumbers(a.Number, b.Number),
			strings.Compare(a.Partition, b.Partition), strings.Compare(b.Mode, a.Mode))
	})
	return &linesOutput{Body: api.LineList{Total: len(list), Lines: nonNil(pageOf(in.Page, list))}}, nil
}

func lineOf(k compositor.Key, l *compositor.Lamp) api.Line {
	line := api.Line{
		Tenant: k.Tenant, Partition: k.Partition, Number: k.Number, Mode: modeName(k.Mode == compositor.OfDevice), Name: l.Name,
		Lamp: l.Single().String(), State: l.State.String(), DND: l.DND, Calls: []api.Call{}, Changed: l.At,
	}
	for _, c := range l.Calls {
		if c.Phase == device.Terminated {
			continue
		}
		line.Calls = append(line.Calls, api.Call{
			Direction: c.Direction.String(), Phase: c.Phase.String(), Number: c.Remote.Number, Name: c.Remote.Name, Since: c.Since,
		})
	}
	return line
}

func modeName(ofDevice bool) string {
	if ofDevice {
		return "device"
	}
	return "line"
}

// compareNumbers sorts 99 before 100.
func compareNumbers(a, b string) int {
	if isDigits(a) && isDigits(b) {
		if d := cmp.Compare(len(a), len(b)); d != 0 {
			return d
		}
	}
	return strings.Compare(a, b)
}

func isDigits(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// numberFilter compares numbers as the tenant does.
type numberFilter struct {
	snapshot *policy.Snapshot
	given    string
	tenant   string // of want
	want     string
}

func (f *numberFilter) is(tenant, number string) bool {
	if f.given == "" {
		return true
	}
	if f.want == "" || f.tenant != tenant {
		f.tenant, f.want = tenant, f.snapshot.Normalise(tenant, f.given)
	}
	return number == f.want || number == f.given
}

func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
