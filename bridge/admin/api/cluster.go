package api

// Cluster is what several replicas on one Redis share, as Redis has it.
type Cluster struct {
	Replica  string        `json:"replica" doc:"The one that was asked."`
	Replicas []Replica     `json:"replicas"`
	Feeds    []ClusterFeed `json:"feeds"`
	Shards   []Shard       `json:"shards"`
}

// Replica is one of them that lives.
type Replica struct {
	Name          string        `json:"name"`
	Leaving       bool          `json:"leaving,omitempty" doc:"It hands over what it has, and takes nothing more."`
	BeatAgo       float64       `json:"beat_ago" doc:"Seconds since it was heard of."`
	Shards        int           `json:"shards" doc:"Shards of the subscriptions that it writes, as it said then; so are the following."`
	Subscriptions int           `json:"subscriptions"`
	Adopted       int           `json:"adopted" doc:"Subscriptions taken over from replicas that were gone, since its start."`
	Rewrites      int           `json:"rewrites" doc:"How often it wrote all anew because Redis was another server."`
	Stale         int           `json:"stale" doc:"NOTIFYs that phones refused because another replica had their subscriptions already."`
	Feeds         []ReplicaFeed `json:"feeds"`
}

// ReplicaFeed is how far a replica is with a PBX's feed.
type ReplicaFeed struct {
	Source string  `json:"source"`
	Entry  uint64  `json:"entry" doc:"The last entry that it published or took in."`
	Behind uint64  `json:"behind" doc:"Entries that came since it said so, at most a second ago if it lives."`
	LagMs  float64 `json:"lag_ms" doc:"From the event behind that entry until it was taken in; the clocks of two machines are compared. 0 for who publishes."`
}

// ClusterFeed is the feed of one PBX.
type ClusterFeed struct {
	Source     string  `json:"source"`
	Holder     string  `json:"holder,omitempty" doc:"The replica that is connected to the PBX; empty: nobody."`
	Token      uint64  `json:"token" doc:"Rises with every holder."`
	Entry      uint64  `json:"entry" doc:"The newest."`
	RenewedAgo float64 `json:"renewed_ago" doc:"Seconds since the lease was renewed."`
	LeaseLeft  float64 `json:"lease_left" doc:"Seconds that it holds still."`
}

// Shard is a part of the subscriptions.
type Shard struct {
	Shard int    `json:"shard"`
	Owner string `json:"owner,omitempty" doc:"The replica that writes it; empty: nobody."`
}
