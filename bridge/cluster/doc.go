// Package cluster lets several blfbridge processes, the replicas, share one Redis.
//
// The feed of one PBX is held by one replica at a time. A [Feed] stands where the PBX's
// source stands: while it holds the lease it runs the source, tells its own compositor at
// once and publishes what the source says; else it follows what the holder publishes. So
// every replica knows every lamp, and the PBX has one connection.
//
// Keys, with the prefix "blf" and a PBX named "pbx1":
//
//	{blf:pbx:pbx1}:lease         hash: token, holder, until, ttl, n, snapshot, down
//	{blf:pbx:pbx1}:feed          stream: one field, e, an entry as JSON
//	{blf:pbx:pbx1}:devices:T-N   hash: device → its status with the number of its entry, JSON
//
// Every entry has the token of the lease it was published under, which rises with every
// holder, and a number that rises by one: whoever misses a number reads the hash of the
// devices again. A holder whose token is old is refused by Redis. The lease runs by the
// clock of Redis alone.
package cluster
