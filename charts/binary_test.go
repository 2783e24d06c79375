package charts

import (
	"os/exec"
	"testing"
)

// build builds the binary that the image holds.
func build(t *testing.T, path string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "../cmd/blfbridge").CombinedOutput()
	return string(out), err
}

// run runs it and returns its exit code, and all that it said.
func run(t *testing.T, binary string, args ...string) (int, string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	out, _ := cmd.CombinedOutput()
	return cmd.ProcessState.ExitCode(), string(out)
}
