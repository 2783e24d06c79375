package policy

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

// MaxCredentials is how many lines a credential file may have.
const MaxCredentials = 100_000

// FileCredential is a line of a credential file.
type FileCredential struct{ Username, Password string }

// ParseCredentials reads one of CME's credential files: CSV, a user name and a password a
// line; a third column (a realm) is read over, and so is a heading "username,password",
// what follows a # at the beginning of a line, and empty lines. The error is of type
// Problems, with lines. Fetching the file is the caller's.
func ParseCredentials(text []byte) ([]FileCredential, error) {
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(text), "\ufeff")))
	r.Comment, r.FieldsPerRecord, r.TrimLeadingSpace = '#', -1, true
	var out []FileCredential
	var problems Problems
	seen := map[string]int{}
	for n := 0; ; n++ {
		f, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var bad *csv.ParseError
		switch {
		case errors.As(err, &bad):
			return nil, append(problems, Problem{Line: bad.Line, Path: "credentials", Message: bad.Err.Error()})
		case err != nil:
			return nil, append(problems, Problem{Path: "credentials", Message: err.Error()})
		}
		line, _ := r.FieldPos(0) // a line that cannot be read has no fields
		if n >= MaxCredentials {
			return nil, append(problems, Problem{Line: line, Path: "credentials", Message: fmt.Sprintf("more than %d lines", MaxCredentials)})
		}
		for i := range f {
			f[i] = strings.TrimSpace(f[i])
		}
		switch {
		case len(f) < 2 || len(f) > 3 || f[0] == "" || f[1] == "":
			problems = append(problems, Problem{Line: line, Path: "credentials", Message: "want a user name and a password: name,secret"})
		case n == 0 && strings.EqualFold(f[0], "username") && strings.EqualFold(f[1], "password"):
		case seen[f[0]] > 0:
			problems = append(problems, Problem{Line: line, Path: "credentials", Message: fmt.Sprintf("user name %q is on line %d already", f[0], seen[f[0]])})
		default:
			seen[f[0]] = line
			out = append(out, FileCredential{f[0], f[1]})
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return out, nil
}

// CredentialFiles are those that a tenant of the document names, for the caller to fetch,
// parse and pass to WithCredentials.
func (s *Snapshot) CredentialFiles(tenant string) []CredentialFile {
	if t := s.tenants[tenant]; t != nil {
		return t.credentialFiles
	}
	return nil
}

// WithCredentials returns the snapshot with what the credential files of its tenants
// hold: Credentials finds those users too, unless the document has one of that name.
// They prove that a request is from the other end of a trunk (TrunkWatcher), no more.
func (s *Snapshot) WithCredentials(byTenant map[string][]FileCredential) *Snapshot {
	return s.mapTenants(func(t *tenant) *tenant {
		list := byTenant[t.name]
		if len(list) == 0 && len(t.fileCreds) == 0 {
			return t
		}
		creds := make(map[string]Credential, len(list))
		for _, c := range list {
			if _, ok := creds[c.Username]; ok {
				continue // the file of the lower tag has it
			}
			creds[c.Username] = Credential{
				Digest:  Digest{Username: c.Username, Password: c.Password},
				Watcher: Watcher{Tenant: t.name, Kind: WatcherTrunk, Trusted: true},
			}
		}
		n := *t
		n.fileCreds = creds
		if t.base != nil {
			b := *t.base
			b.fileCreds = creds
			n.base = &b
		}
		return &n
	})
}
