// Package pickup decides how a phone takes a call that rings elsewhere, and what a lamp
// tells a phone so that it can.
//
// A phone picks up in one of three ways: it calls the tenant's pickup code and a number
// (*891002), or the bare code for the one call it may pick up, or it sends an INVITE with
// Replaces (RFC 3891) of the identifiers that the lamp showed. All become one question
// to the policy (Decision.Pickup), and one INVITE to the PBX that has the ringing call.
// There the call is taken by Replaces of the ringing callee leg (native, needs no
// dialplan), or by the PBX's own code (dialplan).
//
// The identifiers that a lamp shows are tokens: they name a call to us only, for one
// watcher, and for as long as a call rings. So a watcher never learns what a PBX would
// take in a Replaces, and what it makes up names nothing. Everything that a phone could
// send a PBX to get at a call that is not its own passes Invite or Refer.
package pickup
