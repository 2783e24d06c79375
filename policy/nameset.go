package policy

import "strings"

// nameSet holds the names of one kind of thing, in their order.
type nameSet struct {
	list  []string
	exact map[string]bool
	// folded finds a name by its lower case.
	folded map[string]string
}

func newNameSet(names ...string) *nameSet {
	s := &nameSet{exact: map[string]bool{}, folded: map[string]string{}}
	for _, n := range names {
		s.add(n)
	}
	return s
}

func (s *nameSet) add(name string) {
	if !s.exact[name] {
		s.list = append(s.list, name)
		s.exact[name] = true
		s.folded[strings.ToLower(name)] = name
	}
}

func (s *nameSet) has(name string) bool { return s.exact[name] }

// like is the name that differs at most in case; ok is false if there is none.
func (s *nameSet) like(name string) (found string, ok bool) {
	found, ok = s.folded[strings.ToLower(name)]
	return found, ok
}
