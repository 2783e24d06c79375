package trunk

import (
	"fmt"
	"net/netip"
	"time"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/device"
	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

// candidate is one destination of one trunk of a route.
type candidate struct {
	trunk  policy.TrunkInfo
	to     policy.Destination
	number string // as the route dials it
	name   string // the destination's host as the policy has it
	print  string // tells whether it is the same one, with the same credentials
}

func (c *candidate) String() string { return c.trunk.Name + " " + c.to.String() }

// transport of the destination; UDP unless it names one.
func (c *candidate) transport() subscription.Transport {
	t, _ := subscription.ParseTransport(c.to.Transport)
	return t
}

// port of the destination.
func (c *candidate) port() uint16 {
	switch {
	case c.to.Port != 0:
		return c.to.Port
	case c.transport() == subscription.TLS:
		return 5061
	}
	return 5060
}

// darkTime is how long a lamp is trusted while its subscription is made anew.
const darkTime = 2 * time.Second

// patience is how long a destination may say nothing while there are others to try: a
// request and its retransmissions after 0.5, 1.5 and 3.5 s.
const patience = 4 * time.Second

// candidates are what a presentity's route offers to its watchers, in the order of route
// list, route group and trunk. The policy is asked for each trunk (CUCM, Table 20-1).
func (s *Subscriber) candidates(snap *policy.Snapshot, x *external) (out []candidate) {
	tenant := x.key.Tenant
	route, ok := snap.Route(tenant, x.route)
	if !ok {
		return nil
	}
	x.over = !route.Default()
	for _, name := range route.Trunks {
		if k, ok := snap.Trunk(tenant, name); ok && s.permitted(snap, x, name) {
			for _, d := range k.Destinations {
				number := route.Dial(x.key.Number)
				out = append(out, candidate{k, d, number, d.Host, fmt.Sprintf("%s\x00%s\x00%s\x00%v\n", name, d, number, k.OutboundDigest)})
			}
		}
	}
	return out
}

// permitted reports whether any of its watchers may watch it through a trunk.
func (s *Subscriber) permitted(snap *policy.Snapshot, x *external, trunk string) bool {
	for w := range x.watchers {
		if d := policy.DecideTrunk(snap, w, trunk); d.Allow() && d.View != policy.ViewIdle {
			return true
		}
	}
	return false
}

// fingerprint tells whether another search would be another one.
func fingerprint(list []candidate) (s string) {
	for i := range list {
		s += list[i].print
	}
	return s
}

// seek tries the trunks of a presentity's route from the first one.
func (s *Subscriber) seek(x *external) {
	x.candidates = s.candidates(s.c.Policy(), x)
	x.tried, x.worst, x.why, x.back = fingerprint(x.candidates), noVerdict, "", 0
	x.phase, x.trunk, x.at = seeking, "", time.Time{}
	x.darkAt = time.Now().Add(darkTime)
	x.round++
	s.next(x)
}

// next tries the next destination.
func (s *Subscriber) next(x *external) {
	defer s.plan(x)
	for len(x.candidates) > 0 {
		c := &x.candidates[0]
		addr, err := netip.ParseAddr(c.to.Host)
		if err != nil {
			if s.running != nil { // else Run comes back to it
				s.lookup(x, *c)
			}
			return
		}
		x.candidates = x.candidates[1:]
		if s.try(x, c, addr) {
			return
		}
	}
	s.conclude(x)
}

// try sends a SUBSCRIBE to an address of a destination; false if that cannot be.
func (s *Subscriber) try(x *external, c *candidate, addr netip.Addr) bool {
	to := netip.AddrPortFrom(addr.Unmap(), c.port())
	flow, advertised, ok := s.c.Transport.Toward(c.transport(), to, c.name)
	if !ok {
		s.judge(x, c, unreachable, fmt.Sprintf("no %s socket of ours leads to %s: sip.listen needs one, and over TLS no other server may be there", c.transport(), to))
		return false
	}
	x.trunk = c.trunk.Name
	s.open(x, c, way{flow, advertised})
	return true
}

// judge notes what a destination said.
func (s *Subscriber) judge(x *external, c *candidate, v verdict, why string) {
	if v >= x.worst {
		x.worst, x.why = v, "trunk "+c.String()+": "+why
	}
	s.log.Info("a trunk did not accept a subscription", "presentity", x.key.Number, "trunk", c.String(), "answer", why)
}

// conclude ends a search in which nobody accepted.
func (s *Subscriber) conclude(x *external) {
	now, set := time.Now(), s.c.Policy().Settings()
	x.trunk, x.darkAt = "", time.Time{}
	x.at = now.Add(max(set.RetryInterval, x.back))
	x.show(compositor.Lamp{State: device.Unknown}, now)
	if x.worst == noVerdict {
		x.worst, x.why = forbidden, "no trunk of its route may be used by its watchers"
	}
	if x.retries++; x.worst == unreachable && x.retries <= set.RetryLimit {
		x.phase = waiting
		s.log.Warn("an external line cannot be watched; it is tried again", "presentity", x.key.Number, "why", x.why, "again_in", x.at.Sub(now))
		return
	}
	s.refuse(x, x.worst)
}

// refuse ends what its watchers have, and keeps further ones out for the retry interval.
func (s *Subscriber) refuse(x *external, v verdict) {
	x.phase, x.outcome, x.trunk = refused, v.outcome(), ""
	x.lingers = time.Time{}
	s.log.Warn("an external line cannot be watched; its watchers are told", "presentity", x.key.Number, "why", x.why)
	s.c.Recheck(x.presentity)
}

// accepted: a trunk carries the subscription.
func (s *Subscriber) accepted(x *external, l *leg) {
	if x.phase == standing {
		return
	}
	x.phase, x.began, x.candidates, x.why = standing, time.Now(), nil, ""
	x.at, x.darkAt = time.Time{}, time.Time{}
	s.log.Debug("an external line is watched", "presentity", x.key.Number, "trunk", l.from.String(), "event", l.pkg.String())
	s.c.Recheck(x.presentity)
	s.plan(x)
}

// PolicyChanged lets the subscriptions follow the policy in force: one whose trunk is
// gone, is another one now or may not be used by any watcher looks for another, and one
// that failed is tried again if its route looks different. It is to be called before
// standing watchers are decided anew.
func (s *Subscriber) PolicyChanged() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.externals {
		if len(x.watchers) > 0 && !s.stopping {
			s.reroute(x)
		}
	}
}

func (s *Subscriber) reroute(x *external) {
	now := s.candidates(s.c.Policy(), x)
	if len(now) == 0 {
		return // its watchers leave, or go elsewhere, as the policy says
	}
	if x.phase == standing {
		for i := range now {
			if x.leg == nil && now[i].trunk.Name == x.trunk || x.leg != nil && now[i].print == x.leg.from.print {
				return
			}
		}
	} else if fingerprint(now) == x.tried {
		return
	}
	if x.leg != nil {
		s.close(x.leg)
	}
	x.retries = 0
	s.seek(x)
}
