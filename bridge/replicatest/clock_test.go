package replicatest

import (
	"context"
	"testing"
	"time"

	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// feedLease is who holds the PBX's feed, and under which token.
func feedLease(f *Fleet) (holder, token string) {
	f.T.Helper()
	got, err := f.Redis.HMGet(context.Background(), leaseKey, "holder", "token").Result()
	if err != nil {
		f.T.Fatal(err)
	}
	holder, _ = got[0].(string)
	token, _ = got[1].(string)
	return holder, token
}

// TestClockSet: the wall clock of one replica, of all and of Redis is set by an hour, forward and
// back, while everything runs. Leases hold, nobody is taken for dead, lamps stay right.
func TestClockSet(t *testing.T) {
	t.Parallel()
	f := fleet(t, Config{Clocks: true})
	flips(f, device.Ringing, 2*time.Second)
	holder, token := feedLease(f)
	one := f.Holder()
	sets := []struct {
		what   string
		clocks []*Clock
	}{{"the holder", []*Clock{one.Clock}}, {"another replica", []*Clock{f.Others(one)[0].Clock}}, {"Redis", []*Clock{f.Clock}}, {"all replicas", nil}}
	for _, r := range f.Replicas {
		sets[3].clocks = append(sets[3].clocks, r.Clock)
	}
	for _, s := range sets {
		for _, off := range []time.Duration{time.Hour, -time.Hour, 0} {
			f.Mark("the clock of %s is off by %v", s.what, off)
			for _, c := range s.clocks {
				c.Set(off)
			}
			flips(f, device.Busy, 2*time.Second)
			time.Sleep(2 * f.Config.Lease)
			flips(f, device.Idle, 2*time.Second)
			if h, now := feedLease(f); h != holder || now != token {
				t.Errorf("with the clock of %s off by %v the feed went from %s (%s) to %s (%s)", s.what, off, holder, token, h, now)
				holder, token = h, now
			}
		}
	}
	keepsShards(t, f)
	f.Judge()
	f.Tidy(15 * time.Second)
}

// TestClockOff: replicas whose clocks are an hour apart from the others' and from that of Redis
// take subscriptions over. None ends because of it, and those of phones that are gone end when
// they should.
func TestClockOff(t *testing.T) {
	t.Parallel()
	f := fleet(t, Config{Clocks: true, SIP: "  min_expires: 1s\n"})
	flips(f, device.Ringing, 2*time.Second)
	for i, off := range []time.Duration{time.Hour, -time.Hour} {
		r := f.Replicas[i]
		f.Mark("replica %s begins anew with its clock off by %v, that of Redis with %v", r.Name, off, -off)
		f.Clock.Set(-off)
		r.Kill()
		r.Clock.Set(off)
		r.Start()
		r.Ready()
		flips(f, device.Busy, gone(f.Config.Lease))
		short := leavesSilently(f, r)
		other := f.Replicas[2]
		f.Mark("replica %s is killed", other.Name)
		other.Kill() // r takes a part of what it had over
		flips(f, device.Idle, gone(f.Config.Lease))
		f.Mark("replica %s is killed", r.Name)
		other.Start()
		other.Ready()
		r.Kill() // others take over what it granted
		flips(f, device.Ringing, gone(f.Config.Lease))
		endsInTime(f, short)
		r.Start()
		r.Ready()
		flips(f, device.Busy, 2*time.Second)
		f.Judge(f.Replicas...)
	}
	f.Tidy(15 * time.Second)
}

// silence is how long a phone that leaves silently has subscribed for.
const silence = 20 * time.Second

// leavesSilently lets a phone subscribe at a replica, and hear and say nothing any more. It
// returns when its subscription must end.
func leavesSilently(f *Fleet, r *Replica) time.Time {
	f.T.Helper()
	p, err := siptest.NewPhone(siptest.Config{User: "silent", Proxy: r.SIP, Domain: "127.0.0.1", NoMedia: true})
	if err != nil {
		f.T.Fatal(err)
	}
	defer p.Close()
	s, err := p.Subscribe(context.Background(), siptest.SubscribeConfig{Target: f.Numbers[0], Expires: int(silence.Seconds())})
	if err == nil {
		_, err = s.WaitNotify(0, 5*time.Second)
	}
	if err != nil {
		f.T.Fatal(err)
	}
	return time.Now().Add(silence)
}

// endsInTime waits until no subscription is stored but the watchers' own.
func endsInTime(f *Fleet, ends time.Time) {
	f.T.Helper()
	f.Tidy(time.Until(ends) + 5*time.Second)
}
