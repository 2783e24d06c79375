package dialoginfo

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"blfbridge/bridge/eventpkg/internal/xmltree"
)

// Parse reads a document and refuses what the schema of RFC 4235 §4.4 refuses:
// unknown or misplaced elements, missing or unknown attributes, wrong values. Errors
// wrap ErrSyntax or ErrSchema and name the element.
func Parse(b []byte) (*Document, error) { return parse(b, true) }

// ParseLenient reads what PBXs really send: any element order, pvalue for pval,
// unknown attributes and elements ignored. A dialog without a state is an error still.
func ParseLenient(b []byte) (*Document, error) { return parse(b, false) }

func parse(b []byte, strict bool) (*Document, error) {
	root, err := xmltree.Parse(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	if root.Space != Namespace || root.Name != "dialog-info" {
		return nil, fmt.Errorf("%w: root element %s in namespace %q", ErrSyntax, root.Name, root.Space)
	}
	r := reader{strict: strict}
	doc := r.document(root)
	if r.err != nil {
		return nil, r.err
	}
	return doc, nil
}

// reader keeps the first error, so that the walk reads like the schema.
type reader struct {
	strict bool
	err    error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrSchema, fmt.Sprintf(format, args...))
	}
}

// attrs refuses attributes that are not listed and demands those marked with "!".
func (r *reader) attrs(n *xmltree.Node, names ...string) {
	for _, name := range names {
		if want, ok := strings.CutPrefix(name, "!"); ok {
			if _, has := n.Attr(want); !has {
				r.fail("%s without attribute %s", n.Name, want)
			}
		}
	}
	if !r.strict {
		return
	}
	for _, a := range n.Attrs {
		if a.Space == xmltree.SchemaInstance {
			continue
		}
		if a.Space != "" || !slices.Contains(names, a.Name) && !slices.Contains(names, "!"+a.Name) {
			r.fail("%s has unknown attribute %s", n.Name, a.Name)
		}
	}
}

// sequence calls f for each child of our namespace and, when strict, checks the
// order; names ending in * may repeat. Elements of other namespaces must come last.
func (r *reader) sequence(n *xmltree.Node, f func(*xmltree.Node), names ...string) {
	at, foreign := 0, false
	if r.strict && strings.TrimSpace(n.Text) != "" {
		r.fail("%s contains text", n.Name)
	}
	for _, c := range n.Children {
		if c.Space != Namespace {
			foreign = true
			if c.Space == "" && r.strict {
				r.fail("%s in %s has no namespace", c.Name, n.Name)
			}
			continue
		}
		i := slices.IndexFunc(names, func(s string) bool { return strings.TrimSuffix(s, "*") == c.Name })
		if r.strict {
			switch {
			case i < 0:
				r.fail("%s must not stand in %s", c.Name, n.Name)
			case foreign || i < at:
				r.fail("%s stands too late in %s", c.Name, n.Name)
			}
		}
		if i >= 0 {
			f(c)
			at = i
			if !strings.HasSuffix(names[i], "*") {
				at = i + 1
			}
		}
	}
}

func (r *reader) document(n *xmltree.Node) *Document {
	r.attrs(n, "!version", "!state", "!entity")
	doc := &Document{Entity: n.Get("entity")}
	// RFC 4235 §4.1: versions fit a non-negative 32-bit integer.
	v, err := strconv.ParseUint(strings.TrimSpace(n.Get("version")), 10, 32)
	if err != nil {
		r.fail("version %q is no 32-bit number", n.Get("version"))
	}
	doc.Version = uint32(v)
	switch n.Get("state") {
	case "full":
		doc.Full = true
	case "partial":
	default:
		r.fail("state %q is neither full nor partial", n.Get("state"))
	}
	r.sequence(n, func(c *xmltree.Node) { doc.Dialogs = append(doc.Dialogs, r.dialog(c)) }, "dialog*")
	return doc
}

func (r *reader) dialog(n *xmltree.Node) Element {
	r.attrs(n, "!id", "call-id", "local-tag", "remote-tag", "direction")
	e := Element{
		ID: n.Get("id"), CallID: n.Get("call-id"),
		LocalTag: n.Get("local-tag"), RemoteTag: n.Get("remote-tag"), Duration: -1,
	}
	switch d, has := n.Attr("direction"); {
	case d == "initiator":
		e.Direction = Initiator
	case d == "recipient":
		e.Direction = Recipient
	case has:
		r.fail("direction %q is neither initiator nor recipient", d)
	}
	states := 0
	r.sequence(n, func(c *xmltree.Node) {
		switch c.Name {
		case "state":
			states++
			r.state(c, &e)
		case "duration":
			d, err := strconv.ParseInt(strings.TrimSpace(c.Text), 10, 64)
			if (err != nil || d < 0) && r.strict {
				r.fail("duration %q is no count of seconds", c.Text)
			} else if err == nil {
				e.Duration = d
			}
		case "replaces":
			r.attrs(c, "!call-id", "!local-tag", "!remote-tag")
		case "local":
			e.Local = r.participant(c)
		case "remote":
			e.Remote = r.participant(c)
		}
	}, "state", "duration", "replaces", "referred-by", "route-set", "local", "remote")
	if states != 1 {
		r.fail("dialog %q has %d state elements", e.ID, states)
	}
	return e
}

func (r *reader) state(n *xmltree.Node, e *Element) {
	r.attrs(n, "event", "code")
	e.Text, e.Event = strings.TrimSpace(n.Text), n.Get("event")
	if i := slices.Index(stateNames[:], e.Text); i >= 0 {
		e.State, e.Known = State(i), true
	}
	events := []string{"cancelled", "rejected", "replaced", "local-bye", "remote-bye", "error", "timeout"}
	if _, has := n.Attr("event"); has && r.strict && !slices.Contains(events, e.Event) {
		r.fail("event %q is not of RFC 4235", e.Event)
	}
	if code, has := n.Attr("code"); has {
		c, err := strconv.Atoi(strings.TrimSpace(code))
		if r.strict && (err != nil || c < 100 || c > 699) {
			r.fail("code %q is no SIP status", code)
		}
		e.Code = c
	}
}

func (r *reader) participant(n *xmltree.Node) Participant {
	var p Participant
	r.attrs(n)
	r.sequence(n, func(c *xmltree.Node) {
		switch c.Name {
		case "identity":
			r.attrs(c, "display", "display-name")
			p.Identity = strings.TrimSpace(c.Text)
			p.Display = c.Get("display")
			if p.Display == "" {
				p.Display = c.Get("display-name")
			}
		case "target":
			r.attrs(c, "!uri")
			p.Target = c.Get("uri")
			r.sequence(c, func(param *xmltree.Node) {
				p.Params = append(p.Params, r.param(param))
			}, "param*")
		}
	}, "identity", "target", "session-description", "cseq")
	return p
}

func (r *reader) param(n *xmltree.Node) Param {
	if r.strict {
		r.attrs(n, "!pname", "!pval")
	}
	p := Param{Name: strings.TrimPrefix(n.Get("pname"), "+"), Value: n.Get("pval")}
	if v, has := n.Attr("pvalue"); has && !r.strict {
		p.Value = v
	}
	return p
}
