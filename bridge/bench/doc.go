// Package bench loads a SIP presence server with subscriptions and changes, and tells what
// they cost: latencies at the phones, CPU and memory of the server's processes, datagrams
// that the kernel dropped. `blfbridge bench` is its face.
//
// The server is either a bridge of its own in a child process, whose PBX is played by hand
// over the child's standard input (so that changes cost the server what they cost it behind
// an adapter, and nothing of the load generator counts as the server's), or any server at an
// address. A foreign server's lamps are changed by PUBLISH of dialog-info (RFC 3903, RFC
// 4235), which Kamailio takes and a bridge does not.
//
// The phones are real: UDP sockets, retransmission (RFC 3261 §17.1.2), a 200 for every
// NOTIFY, and a check of every CSeq, version and lamp. They are cheap, so that one core of
// them loads several of a server: batched system calls, one goroutine per socket that owns
// all its subscriptions, messages scanned in place.
package bench
