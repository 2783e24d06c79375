package bridge_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSipp lets the real sipp be a hundred phones, over UDP and TCP: subscribe, refresh,
// unsubscribe, with every header and version that its script names.
func TestSipp(t *testing.T) {
	t.Parallel()
	sipp, err := exec.LookPath("sipp")
	if err != nil {
		t.Fatal("no sipp; run scripts/test, which installs it")
	}
	onStores(t, func(t *testing.T, st *storage) {
		fs := replayed(t, "call_answer_caller_hangs_up")
		s := newServer(t, setup{store: st, pbx: freeswitchYAML("fs", fs)})
		s.start()
		for _, transport := range []string{"u1", "t1"} {
			dir := t.TempDir()
			_, port, _ := strings.Cut(freePort(t), ":")
			c := exec.CommandContext(t.Context(), sipp, s.udp, "-sf", sippScenario(t, "subscribe"), "-s", "1001", "-i", "127.0.0.1", "-p", port, "-t", transport,
				"-m", "100", "-r", "100", "-recv_timeout", "8000", "-timeout", "60s", "-timeout_error", "-nostdin", "-trace_err")
			c.Dir = dir
			out, err := c.CombinedOutput()
			if err != nil {
				t.Errorf("sipp -t %s: %v\n%s", transport, err, out[max(0, len(out)-3000):])
				files, _ := filepath.Glob(filepath.Join(dir, "*.log"))
				for _, f := range files {
					text, _ := os.ReadFile(f)
					t.Logf("%s:\n%s", f, text[:min(len(text), 3000)])
				}
			}
		}
		s.eventually(lampTime, "all to be over", func() error { return want(s.metric("blfbridge_subscriptions"), 0) })
		if n := s.metric("blfbridge_subscribe_answers_total"); n != 600 {
			t.Errorf("%v SUBSCRIBEs answered, want 600", n)
		}
	})
}

// sippScenario is the file of a scenario.
func sippScenario(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs("testdata/sipp/" + name + ".xml")
	if err != nil {
		t.Fatal(err)
	}
	return path
}
