// Package edge is the SIP proxy in front of the PBXs (RFC 3261 §16): phones whose only
// server is blfbridge register, call and are called through it. It sits on package
// sipua's sockets and takes every message that is not a subscription of ours.
//
// It remembers as little as it can. Where the phone of a registration or a call is
// stands in the URIs that it writes into Path (RFC 3327) and Record-Route, sealed so that
// nobody can forge one (RFC 5626 §5.2); where responses go stands in the branch of its
// Via, which is a function of the request (RFC 3261 §16.11). So calls go on over a
// restart, and any process with the same key relays them.
//
// Requests within a dialog from UDP to UDP are relayed without state. The others have a
// transaction while they are unanswered, and no longer: for 100, Timer C and CANCEL, for
// the retransmissions that a stream does not do, for the next PBX after a 503, and to
// hear of registrations. A retransmission that comes later is relayed again, with the
// same branch, and absorbed by who answered it.
//
// A request leaves to one of the configured PBXs, or by a token to the phone it was made
// for, and nowhere else. A PBX is known by its address, a phone by not being one.
package edge
