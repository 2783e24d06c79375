package bridge

import (
	"context"
	"errors"
	"time"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/notifier"
	"blfbridge/bridge/trunk"
	"blfbridge/policy"
)

// newTrunks makes what watches the presentities of other servers.
func (b *Bridge) newTrunks() (err error) {
	b.trunks, err = trunk.New(trunk.Config{
		Transport: b.sip, Lamps: b.lamps, Policy: b.policy.snapshot, Logger: b.log, Registerer: b.registry,
		Recheck: func(presentity uint32) {
			b.notifier.Recheck(presentity, func(s notifier.Standing) policy.Decision { return b.policy.decide(b.policy.snapshot(), s) })
		},
	})
	return err
}

// sipSide is whom sipua tells: of connections both who notifies over them and who is
// notified.
type sipSide struct {
	*notifier.Notifier
	trunks *trunk.Subscriber
}

// FlowUp implements sipua.Notifier.
func (s sipSide) FlowUp(f notifier.Flow) {
	s.Notifier.FlowUp(f)
	s.trunks.FlowUp(f)
}

// FlowClosed implements sipua.Notifier.
func (s sipSide) FlowClosed(f notifier.Flow) {
	s.Notifier.FlowClosed(f)
	s.trunks.FlowClosed(f)
}

// settleExternal waits until every PBX has said which numbers it has, or is not waited for
// any longer. Before, any number may be a PBX's; then what none has goes to the default
// presence trunk of its tenant. Lamps that the last run left, and nobody watches, go.
func (b *Bridge) settleExternal(ctx context.Context, restored []compositor.Key) error {
	select {
	case <-ctx.Done():
		return nil
	case <-b.notifier.Ready():
	}
	for _, k := range restored {
		if !b.trunks.Watched(k) {
			b.lamps.Hide(k)
		}
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !b.lamps.Settled() {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
	skip := func(s notifier.Standing) bool {
		return b.policy.snapshot().DefaultPresenceTrunk(s.Line.Tenant) == "" || b.lamps.Learned(s.Line.Tenant, s.Line.Number)
	}
	err := b.notifier.Reauthorize(ctx, skip, b.policy.decideRestored)
	if err != nil && ctx.Err() == nil && !errors.Is(err, notifier.ErrStopped) {
		return err
	}
	<-ctx.Done()
	return nil
}
