package replicatest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
)

// programs are those that were built, by how they were built.
var programs struct {
	mu   sync.Mutex
	dir  string
	have map[string]string
}

// Build returns the program, built once for each list of tags ("" = none; "race" builds it
// with the race detector); with clocks its wall clock can be set (Clock). Discard deletes what
// it built.
func Build(t T, tags string, clocks bool) string {
	t.Helper()
	p := &programs
	p.mu.Lock()
	defer p.mu.Unlock()
	key := fmt.Sprint(tags, clocks)
	if file, ok := p.have[key]; ok {
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
	if clocks {
		args = slices.Insert(args, 1, clockOverlay(t, p.dir)...)
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Fatalf("building the program: %v\n%s", err, out)
	}
	p.have[key] = file
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
