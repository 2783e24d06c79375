package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// The line that is watched, and who calls it: two phones of scripts/pbx.
const (
	watched = "1002"
	calling = "1001"
)

// change is what the watched line did, and when its phone knew.
type change struct {
	at    time.Time
	state device.State
}

// office is the two phones that call each other.
type office struct {
	caller, callee *siptest.Phone
	mu             sync.Mutex // guards changes
	changes        []change
}

func newOffice(ctx context.Context, pbx string) (*office, error) {
	o := &office{}
	for number, p := range map[string]**siptest.Phone{calling: &o.caller, watched: &o.callee} {
		phone, err := siptest.NewPhone(siptest.Config{User: number, Password: "pw" + number, Proxy: pbx, Listen: hostOf(pbx) + ":0"})
		if err != nil {
			return nil, err
		}
		*p = phone
		if err := phone.Register(ctx, time.Hour); err != nil {
			return nil, fmt.Errorf("phone %s at the PBX: %w", number, err)
		}
	}
	o.is(device.Idle)
	return o, nil
}

func (o *office) is(s device.State) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.changes = append(o.changes, change{time.Now(), s})
}

func (o *office) history() []change {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]change(nil), o.changes...)
}

// each state of the line lasts as long.
const phase = 1500 * time.Millisecond

// call makes one call: ringing, busy, idle.
func (o *office) call(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	out, err := o.caller.Dial(limited, watched)
	if err != nil {
		return err
	}
	in, err := o.callee.Incoming(limited)
	if err != nil {
		return err
	}
	o.is(device.Ringing)
	pause(ctx, phase)
	o.is(device.Busy)
	if err := in.Answer(); err != nil {
		return err
	}
	if err := out.WaitAnswered(limited); err != nil {
		return err
	}
	pause(ctx, phase)
	o.is(device.Idle)
	if err := out.HangUp(limited); err != nil {
		return err
	}
	if err := in.WaitEnded(limited); err != nil {
		return err
	}
	pause(ctx, phase)
	return nil
}

func (o *office) close() {
	o.caller.Close()
	o.callee.Close()
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
