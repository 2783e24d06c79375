package bench

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"
)

const childEnv = "BLFBRIDGE_BENCH_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		if err := ServeChild(context.Background(), os.Stdin, os.Stdout, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// ownServer runs this test's binary as the server.
func ownServer() *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"=1")
	cmd.Stderr = os.Stderr
	Detach(cmd)
	return cmd
}

// small are options that take little time.
func small(t *testing.T, scenarios ...string) Options {
	return Options{
		Scenarios: scenarios, Subscriptions: 300, Lines: 30, Outstanding: 40, Rounds: 4, Repeat: 1, Sockets: 3,
		Changes: 200, Duration: 500e6, Server: ownServer, Store: t.TempDir(),
	}
}

func run(t *testing.T, o Options) *Report {
	t.Helper()
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.Results {
		if err := r.Results[i].Err(); err != nil {
			t.Error(err)
		}
	}
	return r
}
