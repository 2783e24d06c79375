package reconnect

import (
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

func TestNag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n Nag
		a, b := errors.New("refused"), errors.New("wrong password")
		want := func(err error, l slog.Level) {
			t.Helper()
			if got := n.Level(err); got != l {
				t.Errorf("%v is logged at %v, want %v", err, got, l)
			}
		}
		want(a, slog.LevelWarn)
		want(a, slog.LevelDebug)
		want(b, slog.LevelWarn)
		want(b, slog.LevelDebug)
		time.Sleep(nagAgain)
		want(b, slog.LevelWarn)
		n.Reset()
		want(b, slog.LevelWarn)
	})
}
