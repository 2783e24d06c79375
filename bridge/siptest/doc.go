// Package siptest is a set of scripted SIP phones: real ones, on real sockets, that
// register at a real PBX, call each other, and watch lamps with a stricter eye than
// any phone on the market. Tests, the live checks and the demo drive them.
//
// A [Phone] owns one UDP socket or TCP connection. It registers ([Phone.Register]),
// calls ([Phone.Dial]), is called ([Phone.Incoming]) and subscribes
// ([Phone.Subscribe]). Its calls carry a minimal SDP and silence.
//
// A [Subscription] is the strict watcher. It answers every NOTIFY and records each
// breach of RFC 3261, RFC 6665, RFC 4235 and RFC 3863 as a [Violation]; NOTIFYs that
// a careful phone would drop (an old version, an old CSeq, a wrong tag) are refused
// and light no lamp. What it showed is kept with times ([Subscription.History]), and
// [Subscription.WaitLamp] waits for a lamp. [Faults] make it a bad phone: silent,
// late, failing.
//
// The phones read and write SIP by themselves and share no code with the server
// under test, so that a bug in a parser cannot hide on both ends of the wire.
//
// Everything is safe for concurrent use. [Phone.Close] ends the phone's goroutines
// and waits for them; it sends nothing (a phone without power), so unregister and
// unsubscribe first where that matters.
package siptest
