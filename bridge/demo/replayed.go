package demo

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"blfbridge/adapters/replay"
)

// recordingData is the story on a real Asterisk; recording/README.md says how it was made.
//
//go:embed recording/story.jsonl
var recordingData []byte

// recordedVersion is the Asterisk that was recorded.
const recordedVersion = "22.10.1"

// replayPBX serves the recording over ARI.
type replayPBX struct {
	pbx    *replay.ARI
	rec    *replay.ARIRecording
	server *http.Server
	addr   string
	done   chan error
}

func startReplay() (*replayPBX, error) {
	rec, err := replay.ReadARI(bytes.NewReader(recordingData))
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	cfg := replay.ARIConfig{Recording: rec, Username: "demo", Password: "demo"}
	for _, p := range office {
		cfg.Endpoints = append(cfg.Endpoints, "PJSIP/"+p.number)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	p := &replayPBX{pbx: replay.NewARI(cfg), rec: rec, addr: ln.Addr().String(), done: make(chan error, 1)}
	p.server = &http.Server{Handler: p.pbx, ReadHeaderTimeout: 5 * time.Second}
	go func() { p.done <- p.server.Serve(ln) }() // stop waits for it
	return p, nil
}

func (p *replayPBX) place() pbxPlace {
	return pbxPlace{ari: "http://" + p.addr, user: "demo", password: "demo", version: recordedVersion}
}

func (p *replayPBX) stop() error {
	p.pbx.Cut()
	err := p.server.Close()
	if e := <-p.done; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}

// play plays the recording at the speed asked for; at each of its marks the story goes on.
func (p *replayPBX) play(ctx context.Context, r *rig) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	played := make(chan error, 1)
	wg.Go(func() { played <- p.pbx.Play(ctx, r.o.Speed) })
	begin, first := time.Now(), p.rec.Steps[0].At
	for i := range p.rec.Steps {
		mark := &p.rec.Steps[i]
		if mark.Event != nil {
			continue
		}
		if !sleep(ctx, time.Until(begin.Add(r.paced(mark.At.Sub(first))))) {
			break
		}
		s := step{say: mark.Mark}
		for _, known := range story {
			if known.say == s.say {
				s.bridge = known.bridge
			}
		}
		if err := r.perform(ctx, s, nil); err != nil {
			cancel()
			return err
		}
	}
	if err := <-played; err != nil {
		return err
	}
	sleep(ctx, r.paced(story[len(story)-1].pause))
	return ctx.Err()
}
