// Package replicatest runs several real blfbridge processes on one real Redis, breaks them
// and what lies between them, and judges what phones saw.
//
// A [Fleet] has a redis-server with an append-only file, N replicas ([Replica], each the
// program itself), a scripted Asterisk that speaks ARI over HTTP and WebSocket ([PBX]), so
// that the true history of every line is known, and phones ([Watcher]) of package siptest.
// What connects them can be broken one by one: a [Proxy] stands between each replica and
// Redis, and between each replica and the PBX; the [Wires] between phones and replicas drop
// what a partition would drop. With Config.Net each replica runs in a network namespace of its
// own, and what cuts its links loses packets as a network does.
//
// Tests of single faults are built on a Fleet directly, and so may be those of other stores:
// Config.Store gives the replicas another Redis (a Sentinel's, a Cluster's) than the one that
// New would start. [Run] drives random faults for a time and checks the claims that
// ARCHITECTURE.md makes of several replicas; scripts/replicas is its command.
//
// Everything is of one test: what New and the methods start ends with its T.
package replicatest
