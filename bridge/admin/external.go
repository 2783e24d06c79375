package admin

import (
	"context"
	"time"

	"blfbridge/bridge/admin/api"
	"blfbridge/bridge/trunk"
)

// External tells which lines of other systems are watched; *trunk.Subscriber is one.
type External interface {
	Rows() []trunk.Row
}

type externalOutput struct{ Body api.ExternalList }

func (s *Server) external(context.Context, *struct{}) (*externalOutput, error) {
	serving, err := s.serving()
	if err != nil {
		return nil, err
	}
	out := &externalOutput{Body: api.ExternalList{External: []api.External{}}}
	now := time.Now()
	for _, r := range serving.External.Rows() {
		one := api.External{
			Tenant: r.Line.Tenant, Partition: r.Line.Partition, Number: r.Line.Number, Route: r.Route, State: r.State, Trunk: r.Trunk,
			Destination: r.Destination, Event: r.Event, ID: r.ID, Watchers: r.Watchers, Retries: r.Retries, Why: r.Why,
		}
		if !r.Expires.IsZero() {
			one.ExpiresIn = max(int(r.Expires.Sub(now).Seconds()), 0)
		}
		if !r.Retry.IsZero() {
			one.RetryAt = &r.Retry
		}
		out.Body.External = append(out.Body.External, one)
	}
	return out, nil
}
