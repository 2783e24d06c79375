// Package demo shows the bridge at work in half a minute: a small office's calls on an
// Asterisk, and the lamps of them at watching phones of several makes.
//
// The bridge is the real one, in this process, on a store of its own. It follows the PBX
// over ARI, and the watchers are scripted phones that subscribe over UDP and TCP; all that
// the board shows was read from their NOTIFYs. Beside it stands what the adapter reported
// of the PBX, from which the time from event to lamp is measured.
//
// With an Asterisk at hand the office's phones register there and really call. Without
// one, a recording of the same calls is served at the wire (adapters/replay) to the same
// adapter, and the watchers watch that.
package demo
