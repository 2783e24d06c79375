// Package ari is the source for Asterisk, spoken to over the Asterisk REST
// Interface: an event socket for changes, REST for the state to begin with and
// for the reconciler that looks again.
//
// # What is taken from github.com/CyCoreSystems/ari/v6, and what is not
//
// Its event structs, their decoding (DecodeEvent) and its REST types are sound and
// are used. Its native client is not used, because it cannot keep a lamp honest:
// it reconnects without subscribing again and says it is connected; its bus drops
// events silently beyond 100; it never hands on ApplicationReplaced; no request has
// a deadline and no ping is ever sent; two goroutines race on its connected flag;
// device names with a slash are not escaped; and TLS can only be set on
// http.DefaultTransport. So the life of the event socket (github.com/coder/websocket)
// and the few REST calls are owned here.
//
// # How a source lives
//
// dial → event filter → subscribe channel: and deviceState: → a look at everything by
// REST → Snapshot → Changes. Events that arrive during a look win over what it saw.
// One goroutine owns the model and calls the sink; the reader of the socket never
// waits for it: between them is a bounded queue, and when that overflows everything
// is looked at again instead of reading slower (Asterisk cuts a slow reader off, and
// that can lock it up).
//
// # Asterisk issue 2170
//
// In Asterisk 22 an event socket that closes while a device state is on its way can
// lock ARI up for good: new event sockets hang in their handshake, calls on
// applications hang, no events come, yet /asterisk/info answers. So the device state
// subscription is deleted before a socket is closed and the socket is drained all
// the while; and an ARI that hangs while /asterisk/info answers is told apart as
// ErrWedged, within 10 s at the default settings.
package ari
