package admin

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/cluster"
)

// Cluster tells who owns what of several replicas; *cluster.Shards is one.
type Cluster interface {
	View(ctx context.Context) (cluster.View, error)
}

type clusterOutput struct{ Body api.Cluster }

func (s *Server) cluster(ctx context.Context, _ *struct{}) (*clusterOutput, error) {
	serving, err := s.serving()
	if err != nil {
		return nil, err
	}
	if serving.Cluster == nil {
		return nil, huma.Error404NotFound("this bridge is alone: replicas.enabled is not set")
	}
	v, err := serving.Cluster.View(ctx)
	if err != nil {
		return nil, huma.Error503ServiceUnavailable("Redis does not answer: " + err.Error())
	}
	out := api.Cluster{Replica: v.Replica, Replicas: []api.Replica{}, Feeds: []api.ClusterFeed{}, Shards: []api.Shard{}}
	for _, f := range v.Feeds {
		out.Feeds = append(out.Feeds, api.ClusterFeed{
			Source: f.Source, Holder: f.Holder, Token: f.Token, Entry: f.Entry, RenewedAgo: f.Renewed.Seconds(), LeaseLeft: f.Left.Seconds(),
		})
	}
	for _, m := range v.Members {
		r := api.Replica{
			Name: m.Name, Leaving: m.Leaving, BeatAgo: m.Beat.Seconds(), Shards: m.Shards, Subscriptions: m.Subscriptions,
			Adopted: m.Adopted, Rewrites: m.Rewrites, Stale: m.Stale, Feeds: []api.ReplicaFeed{},
		}
		for _, f := range v.Feeds {
			if p, ok := m.Feeds[f.Source]; ok {
				r.Feeds = append(r.Feeds, api.ReplicaFeed{Source: f.Source, Entry: p.Entry, Behind: f.Entry - min(p.Entry, f.Entry), LagMs: p.Lag})
			}
		}
		out.Replicas = append(out.Replicas, r)
	}
	for _, o := range v.Shards {
		out.Shards = append(out.Shards, api.Shard{Shard: int(o.Shard), Owner: o.Owner})
	}
	return &clusterOutput{Body: out}, nil
}
