// Package sipua is the SIP side of the notifier: sockets and connections, the intake of
// SUBSCRIBE (RFC 6665 §4.2.1) up to the point where its outcome is a
// notifier.Subscribe or a refusal, watchers' digest (RFC 8760), and the way out for the
// NOTIFYs that package notifier writes.
//
// sipgo parses and keeps the server transactions. Between the sockets and sipgo stand
// our own net.PacketConn and net.Listener, because whatever reaches sipgo costs memory,
// a goroutine and a log line: they screen and shed, take the answers to NOTIFYs out of
// the stream, note where a request came from in its topmost Via (RFC 3261 §18.2.1, RFC
// 3581), and never let a slow peer hold anybody up.
package sipua
