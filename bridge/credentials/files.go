package credentials

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"blfbridge/policy"
)

// Config is what New needs.
type Config struct {
	// Timeout bounds reading all files that one Load reads; they are read at the same
	// time. Default 5 s.
	Timeout time.Duration
	Logger  *slog.Logger // nil discards
}

// Files keeps what the credential files hold, by location. It is safe for concurrent use;
// loads take turns.
type Files struct {
	timeout time.Duration
	log     *slog.Logger

	turn sync.Mutex // one Load at a time

	mu    sync.Mutex // guards files; held for no input or output
	files map[string]*file
}

// file is one location's.
type file struct {
	list    []policy.FileCredential // the last good contents
	version version
	// invalid is what is wrong with the contents of that version, failed what was wrong
	// when it was looked at last; empty if nothing is.
	invalid, failed string
}

// New returns Files that hold nothing yet.
func New(c Config) *Files {
	f := &Files{timeout: c.Timeout, log: c.Logger, files: map[string]*file{}}
	if f.timeout <= 0 {
		f.timeout = 5 * time.Second
	}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	return f
}

// named is a credential file with the key that names it.
type named struct {
	policy.CredentialFile
	tenant string
}

func filesOf(s *policy.Snapshot) (all []named) {
	for _, tenant := range s.Tenants() {
		for _, f := range s.CredentialFiles(tenant) {
			all = append(all, named{f, tenant})
		}
	}
	return all
}

// Load reads the files that a policy names, those only that changed since the last time,
// and forgets those it does not name. What is wrong with a file is logged once, with its
// key and line, and leaves its last good contents. changed reports that contents are
// others than before.
func (f *Files) Load(ctx context.Context, s *policy.Snapshot) (changed bool) {
	all := filesOf(s)
	f.turn.Lock()
	defer f.turn.Unlock()
	f.mu.Lock()
	if len(all) == 0 && len(f.files) == 0 {
		f.mu.Unlock()
		return false
	}
	old := f.files
	f.mu.Unlock()
	limited, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	next := map[string]*file{}
	for _, n := range all {
		if next[n.Location] == nil {
			next[n.Location] = &file{}
		}
	}
	var wg sync.WaitGroup
	for location, to := range next {
		wg.Go(func() { to.read(limited, location, old[location]) })
	}
	wg.Wait()
	if ctx.Err() != nil {
		return false
	}
	told := map[string]bool{}
	for _, n := range all {
		if told[n.Location] {
			continue
		}
		told[n.Location] = true
		changed = f.tell(n, old[n.Location], next[n.Location]) || changed
	}
	for location := range old {
		changed = changed || next[location] == nil
	}
	f.mu.Lock()
	f.files = next
	f.mu.Unlock()
	return changed
}

// tell logs what a look at a file found, unless the last one found the same, and reports
// whether its contents are others than before.
func (f *Files) tell(n named, was, now *file) (changed bool) {
	first := was == nil
	if first {
		was = &file{}
	}
	changed = !slices.Equal(was.list, now.list)
	log := f.log.With("key", "authenticate_credentials", "tenant", n.tenant, "tag", n.Tag, "file", redacted(n.Location))
	switch {
	case now.failed != "" && now.failed != was.failed:
		log.Error("a credential file is not taken; its last good contents stay", "error", now.failed, "users", len(now.list))
	case now.failed == "" && (first || was.failed != "" || changed):
		log.Info("a credential file was read", "users", len(now.list))
	}
	return changed
}

// ByTenant is what the files of each tenant hold, the lower tag first, for
// policy.Snapshot.WithCredentials.
func (f *Files) ByTenant(s *policy.Snapshot) map[string][]policy.FileCredential {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[string][]policy.FileCredential{}
	for _, n := range filesOf(s) {
		if x := f.files[n.Location]; x != nil && len(x.list) > 0 {
			out[n.tenant] = append(out[n.tenant], x.list...)
		}
	}
	return out
}

// Failed are the files that could not be taken when they were read last: what is wrong, by
// location without its password.
func (f *Files) Failed() map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[string]string{}
	for location, x := range f.files {
		if x.failed != "" {
			out[redacted(location)] = x.failed
		}
	}
	return out
}
