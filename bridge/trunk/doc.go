// Package trunk is the subscriber side (RFC 6665 §4.1): it watches presentities of other
// servers over SIP trunks, for the watchers that the policy routes there. An external
// presentity has one outbound subscription, whatever the number of its watchers; what its
// NOTIFYs tell becomes a lamp at the compositor, from where it goes its usual way.
//
// A watcher's SUBSCRIBE is accepted at once, with an unknown lamp, while the trunks of its
// route are tried in their order: a phone gives up after 32 s, and a single dead trunk may
// take as long to be found out. When all refuse, CUCM's "the request gets rejected" is the
// NOTIFY terminated;reason=rejected or noresource; whoever asks within the retry interval
// after that is refused in the answer itself. When they only cannot be reached, the lamp
// stays unknown and they are tried again, as often as CME's retry limit says; then the
// watchers end with reason=probation.
//
// A fetch waits up to two seconds for what the other server says, by a subscription that
// lingers for the next one. Subscriptions are begun at one destination at a bounded pace:
// after a start all lines want theirs at once.
//
// A presentity is keyed by its line, not by its route: watchers whose calling search spaces
// lead one number of one partition by different routes share the route given last, since
// they share a lamp at the compositor too.
//
// Why one lock and no goroutine per subscription: everything here is short, and the
// decision about a further watcher (Admit) must see what has just become of a trunk.
package trunk
