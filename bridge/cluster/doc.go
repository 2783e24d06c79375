// Package cluster lets several blfbridge processes, the replicas, share one Redis.
//
// The feed of one PBX is held by one replica at a time. A [Feed] stands where the PBX's
// source stands: while it holds the lease it runs the source, tells its own compositor at
// once and publishes what the source says; else it follows what the holder publishes. So
// every replica knows every lamp, and the PBX has one connection.
//
// Keys, with the prefix "blf" and a PBX named "pbx1":
//
//	{blf:pbx:pbx1}:lease         hash: token, holder, until, ttl, snapshot, at, down
//	{blf:pbx:pbx1}:entries       stream: one field, e, an entry as JSON; its id is token-n
//	{blf:pbx:pbx1}:devices:T-N   hash: device → its status with the number of its entry, JSON
//
// The token rises with every holder, n by one with every entry: whoever misses a number reads
// the hash of the devices again, and the stream from the entry on up to which the hash was
// saved (at). Changes are added to the stream by one command: Redis itself refuses an id that
// is lower than the last, so a holder whose token is old. The hash follows ten times a second;
// what is added there must fit to what was saved before, so that a holder finds out what Redis
// lost in a failover, and publishes all devices anew. The lease runs by the replicas' clock (Join).
package cluster
