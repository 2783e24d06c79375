// Package xmltree reads a small XML document into a tree, so that schema order can be
// checked. It knows no external entities and bounds depth and size.
package xmltree

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

const (
	// MaxBytes is the longest document that is read; NOTIFY bodies are far shorter.
	MaxBytes = 1 << 20
	maxDepth = 32

	// SchemaInstance is the namespace whose attributes every schema allows.
	SchemaInstance = "http://www.w3.org/2001/XMLSchema-instance"
	// XML is the namespace of xml:lang.
	XML = "http://www.w3.org/XML/1998/namespace"
)

var (
	errTooLarge = errors.New("xmltree: document too large or too deep")
	errRoots    = errors.New("xmltree: not exactly one root element")
	errCharset  = errors.New("xmltree: unsupported encoding")
)

// Attr is an attribute; namespace declarations are left out.
type Attr struct{ Space, Name, Value string }

// Node is an element with its own character data joined in Text.
type Node struct {
	Space, Name, Text string
	Attrs             []Attr
	Children          []*Node
}

// Attr returns the attribute without namespace called name.
func (n *Node) Attr(name string) (string, bool) {
	for _, a := range n.Attrs {
		if a.Space == "" && a.Name == name {
			return a.Value, true
		}
	}
	return "", false
}

// Get is Attr without the flag.
func (n *Node) Get(name string) string {
	v, _ := n.Attr(name)
	return v
}

// Parse reads one document in UTF-8, US-ASCII or ISO-8859-1.
func Parse(b []byte) (*Node, error) {
	if len(b) > MaxBytes {
		return nil, errTooLarge
	}
	dec := xml.NewDecoder(bytes.NewReader(b))
	dec.CharsetReader = charset
	var stack []*Node
	var root *Node
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			if root == nil || len(stack) > 0 {
				return nil, errRoots
			}
			return root, nil
		}
		if err != nil {
			return nil, err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			n := &Node{Space: t.Name.Space, Name: t.Name.Local}
			for _, a := range t.Attr {
				if a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns" {
					continue
				}
				n.Attrs = append(n.Attrs, Attr{a.Name.Space, a.Name.Local, a.Value})
			}
			switch {
			case len(stack) >= maxDepth:
				return nil, errTooLarge
			case len(stack) > 0:
				top := stack[len(stack)-1]
				top.Children = append(top.Children, n)
			case root != nil:
				return nil, errRoots
			default:
				root = n
			}
			stack = append(stack, n)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(stack) > 0 {
				stack[len(stack)-1].Text += string(t)
			} else if len(bytes.TrimSpace(t)) > 0 {
				return nil, errRoots
			}
		}
	}
}

// charset serves the encodings that FreeSWITCH and old phones declare.
func charset(label string, in io.Reader) (io.Reader, error) {
	switch strings.ToLower(label) {
	case "us-ascii", "ascii":
		return in, nil
	case "iso-8859-1", "latin1":
		raw, err := io.ReadAll(in)
		if err != nil {
			return nil, err
		}
		out := make([]byte, 0, len(raw)+len(raw)/8)
		for _, c := range raw {
			out = utf8.AppendRune(out, rune(c))
		}
		return bytes.NewReader(out), nil
	}
	return nil, fmt.Errorf("%w %q", errCharset, label)
}
