package bridge_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// Most of these tests' time is waiting: more of them run at once than there are cores.
	if err := flag.Set("test.parallel", strconv.Itoa(1+runtime.GOMAXPROCS(0))); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		stopAsterisks()
		if program.dir != "" {
			_ = os.RemoveAll(program.dir)
		}
		os.Exit(code)
	}))
}

// program is the real program, built once.
var program struct {
	once sync.Once
	dir  string
	err  error
}

// build returns the program's file.
func build(t *testing.T) string {
	t.Helper()
	p := &program
	p.once.Do(func() {
		if p.dir, p.err = os.MkdirTemp("", "blfbridge-e2e-"); p.err != nil {
			return
		}
		args := []string{"build", "-o", p.dir, "../cmd/blfbridge"}
		if raced {
			args = append([]string{"build", "-race"}, args[1:]...)
		}
		if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
			p.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if p.err != nil {
		t.Fatalf("building the program: %v", p.err)
	}
	return filepath.Join(p.dir, "blfbridge")
}
