package sipua

import "net/netip"

// turnsAway reports whether the notifier would turn a request away: it is told so before
// anything is decided or kept, since in a storm what is not done must cost little.
// Retransmissions of what was let in before are none of these.
func (s *Server) turnsAway(x *quickExchange) bool {
	return x.ask.toTag == "" && (*s.screener.notifier.Load()).Full(x.ask.callID) && !x.quick.knows(x.key)
}

// turnAway answers 503 without a transaction (RFC 3261 §8.2.7), unless so many were
// answered already that the answers themselves cost too much. x is not used any more.
func (x *quickExchange) turnAway() {
	k := x.quick
	s := k.server
	s.tooMany(x.remote)
	if s.turnedOff.allow() {
		s.metrics.stateless.WithLabelValues("503").Inc()
		x.out = x.appendResponse(x.out[:0], s.refused(&x.ask, ErrBusy))
		k.send(x, x.out)
	}
	k.pool.Put(x)
}

func (s *Server) tooMany(remote netip.AddrPort) {
	s.metrics.dropped.WithLabelValues("full").Inc()
	s.quiet.warn("full", "too many SUBSCRIBEs wait; new ones are told to come again", "remote", remote.String())
}
