package pidf

import (
	"fmt"
	"slices"
	"strings"

	"blfbridge/bridge/eventpkg/internal/xmltree"
)

// Parse reads a document and refuses what the schemas of RFC 3863 §4.4 and RFC 4479
// §5.1 refuse of the elements that BLF uses. Errors wrap ErrSyntax or ErrSchema.
func Parse(b []byte) (*Document, error) { return parse(b, true) }

// ParseLenient reads what PBXs really send: notes before tuples, persons without an id,
// other elements ignored.
func ParseLenient(b []byte) (*Document, error) { return parse(b, false) }

func parse(b []byte, strict bool) (*Document, error) {
	root, err := xmltree.Parse(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	if root.Space != Namespace || root.Name != "presence" {
		return nil, fmt.Errorf("%w: root element %s in namespace %q", ErrSyntax, root.Name, root.Space)
	}
	r := reader{strict: strict, ids: map[string]bool{}}
	doc := r.presence(root)
	if r.err != nil {
		return nil, r.err
	}
	return doc, nil
}

// reader keeps the first error, so that the walk reads like the schema.
type reader struct {
	strict bool
	ids    map[string]bool
	err    error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrSchema, fmt.Sprintf(format, args...))
	}
}

// id reads an xs:ID: present and unique in the document.
func (r *reader) id(n *xmltree.Node) string {
	id, has := n.Attr("id")
	switch {
	case !r.strict:
	case !has || id == "":
		r.fail("%s without attribute id", n.Name)
	case strings.IndexByte("0123456789-.", id[0]) >= 0 || strings.ContainsAny(id, ": \t\n"):
		r.fail("id %q is no XML name", id)
	case r.ids[id]:
		r.fail("id %q is used twice", id)
	}
	r.ids[id] = true
	return id
}

// sequence calls f for each child and, when strict, checks the order. "*" stands for
// elements of other namespaces than space; a name ending in * may repeat.
func (r *reader) sequence(n *xmltree.Node, space string, f func(*xmltree.Node), names ...string) {
	at := 0
	if r.strict && strings.TrimSpace(n.Text) != "" {
		r.fail("%s contains text", n.Name)
	}
	for _, c := range n.Children {
		name := c.Name
		if c.Space != space {
			name = ""
			if c.Space == "" && r.strict {
				r.fail("%s in %s has no namespace", c.Name, n.Name)
			}
		}
		i := slices.IndexFunc(names, func(s string) bool { return strings.TrimSuffix(s, "*") == name })
		if r.strict && i < 0 {
			r.fail("%s must not stand in %s", c.Name, n.Name)
		} else if r.strict && i < at {
			r.fail("%s stands too late in %s", c.Name, n.Name)
		}
		if i >= 0 || !r.strict {
			f(c)
			at = i
			if i >= 0 && !strings.HasSuffix(names[i], "*") {
				at = i + 1
			}
		}
	}
}

func (r *reader) presence(n *xmltree.Node) *Document {
	doc := &Document{}
	entity, has := n.Attr("entity")
	if !has {
		r.fail("presence without attribute entity")
	}
	doc.Entity = entity
	r.sequence(n, Namespace, func(c *xmltree.Node) {
		switch {
		case c.Space == Namespace && c.Name == "tuple":
			doc.Tuples = append(doc.Tuples, r.tuple(c))
		case c.Space == Namespace && c.Name == "note":
			doc.Notes = append(doc.Notes, strings.TrimSpace(c.Text))
		case c.Space == DataModel && c.Name == "person":
			doc.Persons = append(doc.Persons, r.person(c))
		}
	}, "tuple*", "note*", "*")
	return doc
}

func (r *reader) tuple(n *xmltree.Node) Tuple {
	t := Tuple{ID: r.id(n)}
	statuses := 0
	r.sequence(n, Namespace, func(c *xmltree.Node) {
		switch {
		case c.Space == Namespace && c.Name == "status":
			statuses++
			t.Basic = r.basic(c)
		case c.Space == Namespace && c.Name == "contact":
			t.Contact = strings.TrimSpace(c.Text)
		case c.Space == Namespace && c.Name == "note":
			t.Notes = append(t.Notes, strings.TrimSpace(c.Text))
		}
	}, "status", "*", "contact", "note*", "timestamp")
	if statuses != 1 {
		r.fail("tuple %q has %d status elements", t.ID, statuses)
	}
	return t
}

func (r *reader) basic(n *xmltree.Node) (basic string) {
	r.sequence(n, Namespace, func(c *xmltree.Node) {
		if c.Space != Namespace || c.Name != "basic" {
			return
		}
		basic = strings.TrimSpace(c.Text)
		if c.Text != "open" && c.Text != "closed" && r.strict {
			r.fail("basic %q is neither open nor closed", c.Text)
		}
	}, "basic", "*")
	return basic
}

func (r *reader) person(n *xmltree.Node) Person {
	p := Person{ID: r.id(n)}
	r.sequence(n, DataModel, func(c *xmltree.Node) {
		switch {
		case c.Name == "activities" && (c.Space == RPID || c.Space == StatusRPID):
			p.Activities = append(p.Activities, r.activities(c)...)
		case c.Space == DataModel && c.Name == "note":
			p.Notes = append(p.Notes, strings.TrimSpace(c.Text))
		}
	}, "*", "note*", "timestamp")
	return p
}

// activities reads RFC 4480 §3.2: notes, then unknown alone or at least one activity.
// Cisco's elder namespace has no schema, so it may be empty.
func (r *reader) activities(n *xmltree.Node) []string {
	var out []string
	for _, c := range n.Children {
		if c.Name == "note" {
			if len(out) > 0 && r.strict {
				r.fail("note stands too late in activities")
			}
			continue
		}
		out = append(out, c.Name)
	}
	if r.strict && n.Space == RPID && slices.Contains(out, "unknown") && len(out) > 1 {
		r.fail("unknown beside other activities")
	}
	return out
}
