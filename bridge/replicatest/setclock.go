package replicatest

import (
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Clock is the wall clock of a process that a fleet runs with Config.Clocks. It is set as an
// administrator or a virtual machine's host sets one: how long things last is not changed.
type Clock struct {
	t    T
	path string
}

// clockEnv names the file that a process takes its clock from.
const clockEnv = "BLFBRIDGE_SETCLOCK"

func newClock(t T) *Clock {
	t.Helper()
	c := &Clock{t, filepath.Join(t.TempDir(), "clock")}
	c.Set(0)
	return c
}

// Set lets the clock be off by so much, in whole seconds, from now on.
func (c *Clock) Set(off time.Duration) {
	c.t.Helper()
	f, err := os.OpenFile(c.path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.Write(binary.NativeEndian.AppendUint64(nil, uint64(off/time.Second))) //nolint:gosec // two's complement
		_ = f.Close()
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *Clock) env() string { return clockEnv + "=" + c.path }

var (
	//go:embed testdata/setclock/set.go.txt
	setClockGo string
	//go:embed testdata/setclock/set.c
	setClockC string
)

// nowLine is where time.Now reads the clocks.
const nowLine = "\tsec, nsec, mono := runtimeNow()\n\tif mono == 0 {\n"

// clockOverlay writes what go build needs so that the program's wall clock can be set, that is
// everything which any package of it sees of time.Now, and returns the build's arguments.
func clockOverlay(t T, dir string) []string {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	lib := filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	text, err := os.ReadFile(filepath.Join(lib, "time.go"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), nowLine) != 1 {
		t.Fatalf("%s has another time.Now than we know", lib)
	}
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	replace := map[string]string{
		filepath.Join(lib, "time.go"):      write("time.go.txt", strings.Replace(string(text), nowLine, strings.Replace(nowLine, "\tif", "\tsec += setBy()\n\tif", 1), 1)),
		filepath.Join(lib, "zsetclock.go"): write("zsetclock.go.txt", setClockGo),
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	return []string{"-overlay", write("overlay.json", string(list))}
}

// clockLibrary builds what redis-server is run with so that its wall clock can be set.
func clockLibrary(t T) string {
	t.Helper()
	dir := t.TempDir()
	source, lib := filepath.Join(dir, "set.c"), filepath.Join(dir, "set.so")
	if err := os.WriteFile(source, []byte(setClockC), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", lib, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return lib
}
