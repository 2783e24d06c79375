package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/prometheus/client_golang/prometheus"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/config"
)

// ErrFaults: the demo ran, and the phones or the final check found something wrong. The
// summary has told what.
var ErrFaults = errors.New("demo: the bridge made mistakes")

// Options say what to run. Source is needed.
type Options struct {
	// Source makes the adapter, as bridge.Options.Source.
	Source func(config.PBX, *slog.Logger, prometheus.Registerer) (compositor.Source, error)
	// Asterisk is the ARI URL of a running one that has the phones of scripts/pbx; empty
	// plays the recording. SIP is its "host:port" for phones, default port 5060 of the
	// same host.
	Asterisk, User, Password, SIP string
	// Redis starts a redis-server and keeps policy, subscriptions and lamps there instead
	// of in the embedded store.
	Redis bool
	// KeepRunning leaves everything up after the story until the context ends.
	KeepRunning bool
	// Speed divides all pauses, default 1.
	Speed float64
	// Plain prints one line per change instead of the board, and no colours.
	Plain bool
	// Out is where to show it, default os.Stdout; only a terminal gets a board.
	Out io.Writer
	// Logger is the bridge's; nil is silent.
	Logger *slog.Logger

	onStep func(say string) // for the test that records
}

// Run shows the demo and prints its summary. It returns ErrFaults if the bridge made
// mistakes, the context's error if that ended it early, and other errors for what kept
// it from running. Whatever it started has ended then.
func Run(ctx context.Context, o Options) (err error) {
	if o.Speed < 0 {
		return fmt.Errorf("demo: the speed %v is negative", o.Speed)
	}
	o.Speed = cmp.Or(o.Speed, 1)
	if o.Out == nil {
		o.Out = os.Stdout
	}
	r := &rig{o: o, board: newBoard()}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.open(ctx); err != nil {
		return err
	}
	screen := newDisplay(&r.o, r.board)
	err = r.show(ctx, screen)
	screen.stop()
	rep, reportErr := r.report()
	if reportErr != nil {
		return errors.Join(err, reportErr)
	}
	rep.print(o.Out, screen.palette)
	switch {
	case err != nil && !(o.KeepRunning && errors.Is(err, context.Canceled)):
		return err
	case !rep.ok():
		return ErrFaults
	}
	return nil
}

// show lets the watchers subscribe and tells the story.
func (r *rig) show(ctx context.Context, d *display) error {
	d.begin()
	for i := range watchers {
		if err := r.watch.subscribe(ctx, i); err != nil {
			return err
		}
		if !sleep(ctx, r.paced(watcherPause)) {
			return ctx.Err()
		}
	}
	if !sleep(ctx, r.paced(firstPause)) {
		return ctx.Err()
	}
	play := r.play
	if r.replay != nil {
		play = func(ctx context.Context) error { return r.replay.play(ctx, r) }
	}
	if err := play(ctx); err != nil {
		return err
	}
	if !r.o.KeepRunning {
		return nil
	}
	return r.stay(ctx)
}
