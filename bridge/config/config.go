// Package config is the typed configuration of `blfbridge serve`: YAML with strict
// keys. Every problem of a file is reported at once, each with its line and with what
// would mend it.
//
// A value may contain ${NAME}, the environment variable NAME, or ${NAME:-default};
// $${ is a plain ${. Substitution happens after the YAML was read, so that a variable
// can never become structure. A list may be one text with commas. Every secret
// (password, token) may instead be named with _file added: its file's contents, without
// the line break at the end.
//
// Durations are written as 90s, 1m30s or 1h; a plain number is seconds. File names are
// relative to the working directory.
package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxSize is the largest file that is read.
const maxSize = 1 << 20

// Load reads and checks a file, with the process's environment. An error that lists
// what is wrong in the file is a Problems.
func Load(path string) (*Config, error) { return load(path, "") }

// LoadForClient is Load for a command that only finds the server or its store by the
// file: what is wrong with the PBXs does not concern it, above all secrets that only the
// server's environment has. Config.PBX is not to be used.
func LoadForClient(path string) (*Config, error) { return load(path, "pbx") }

// load leaves out the problems of one part of the file.
func load(path, without string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	return parse(data, path, without, os.LookupEnv)
}

// Parse reads and checks a document; env looks up environment variables (nil: there
// are none). An error is a Problems.
func Parse(data []byte, env func(string) (string, bool)) (*Config, error) {
	return parse(data, "", "", env)
}

func parse(data []byte, name, without string, env func(string) (string, bool)) (*Config, error) {
	if env == nil {
		env = func(string) (string, bool) { return "", false }
	}
	src := &source{name: name, lines: map[string]int{}}
	if len(data) > maxSize {
		return nil, Problems{{File: name, Message: fmt.Sprintf("is larger than %d bytes", maxSize)}}
	}
	root, problem := readYAML(data)
	if problem != nil {
		problem.File = name
		return nil, Problems{*problem}
	}
	c := Defaults()
	c.source = src
	d := &decoder{source: src, env: env}
	d.top(root, c)
	// What could not be decoded kept its default, so that the checks say nothing of it.
	d.problems = append(d.problems, c.check(d.broken)...)
	if without != "" {
		d.problems = slices.DeleteFunc(d.problems, func(p Problem) bool { return inside(p.Path, without) })
	}
	if len(d.problems) > 0 {
		d.problems.sort()
		return nil, d.problems
	}
	return c, nil
}

// readYAML returns the document's root; nil is an empty document.
func readYAML(data []byte) (root ast.Node, problem *Problem) {
	defer func() {
		if r := recover(); r != nil {
			root, problem = nil, &Problem{Message: fmt.Sprintf("is not YAML: %v", r)}
		}
	}()
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		p := &Problem{Message: "is not YAML: " + err.Error()}
		var tokenError interface {
			GetToken() *token.Token
			GetMessage() string
		}
		if errors.As(err, &tokenError) {
			p.Message = "is not YAML: " + tokenError.GetMessage()
			if t := tokenError.GetToken(); t != nil && t.Position != nil {
				p.Line = t.Position.Line
			}
		}
		return nil, p
	}
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		if root != nil {
			return nil, &Problem{Line: lineOf(doc.Body), Message: "is a second document", Fix: "keep one, without ---"}
		}
		root = doc.Body
	}
	return root, nil
}

func lineOf(n ast.Node) int {
	if n == nil {
		return 0
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}
