package demo

import (
	"bytes"
	"log/slog"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"blfbridge/adapters/ari"
	"blfbridge/bridge/compositor"
	"blfbridge/bridge/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source is the adapter as the program makes it.
func source(p config.PBX, log *slog.Logger, r prometheus.Registerer) (compositor.Source, error) {
	return ari.New(ari.Config{
		Name: p.Name, URL: p.URL, Username: p.Username, Password: p.Password.Reveal(), App: p.App,
		DNDPrefix: p.DNDPrefix, NoDialogs: !p.Dialogs, Reconcile: p.Reconcile, Logger: log, Registerer: r,
	})
}

// output is what a demo printed.
type output struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
