// Package replay plays a recorded PBX to the real adapters, at the wire: an HTTP and
// WebSocket server that speaks ARI ([ARI]), a TCP server that speaks FreeSWITCH's event
// socket ([ESLServer]). They answer what the recorded PBX would have answered at that
// moment of the recording, so that an adapter cannot tell them from it, and can damage
// the stream: drop an event, change the order, hang, end without a word.
//
// Tests use it to check what a recording of a real PBX must show; the demo uses it where
// no PBX can be installed.
package replay
