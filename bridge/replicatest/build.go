package replicatest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// programs are those that were built, by their build tags.
var programs struct {
	mu   sync.Mutex
	dir  string
	have map[string]string
}

// Build returns the program, built once for each list of tags ("" = none; "race" builds it
// with the race detector). Discard deletes what it built.
func Build(t T, tags string) string {
	t.Helper()
	p := &programs
	p.mu.Lock()
	defer p.mu.Unlock()
	if file, ok := p.have[tags]; ok {
		return file
	}
	if p.have == nil {
		dir, err := os.MkdirTemp("", "blfbridge-replicas-program-")
		if err != nil {
			t.Fatal(err)
		}
		p.dir, p.have = dir, map[string]string{}
	}
	file := filepath.Join(p.dir, fmt.Sprintf("blfbridge%d", len(p.have)))
	args := []string{"build", "-o", file, "-tags", tags, "blfbridge/cmd/blfbridge"}
	if tags == "race" {
		args = []string{"build", "-o", file, "-race", "blfbridge/cmd/blfbridge"}
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Fatalf("building the program: %v\n%s", err, out)
	}
	p.have[tags] = file
	return file
}

// Discard deletes the programs that Build made.
func Discard() {
	p := &programs
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dir != "" {
		_ = os.RemoveAll(p.dir)
	}
	p.dir, p.have = "", nil
}
