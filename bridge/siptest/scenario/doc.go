// Package scenario plays the calls of a small office on a real PBX and checks every
// lamp that a bridge shows of them.
//
// The calls are data (office.txt): phones A to D, one action a line, and after => the
// lamps that change. [Run] registers the phones at the PBX, lets strict watchers of
// several makes subscribe to every line at the bridge, carries the actions out one by
// one and reports for each what was expected, what was seen and how long it took from
// the action to the NOTIFY. The same scenarios run on Asterisk and FreeSWITCH; a [PBX]
// says where it is, who may register and what its codes are.
package scenario
