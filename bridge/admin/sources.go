package admin

import (
	"context"
	"runtime"

	"blfbridge/bridge/admin/api"
)

type sourcesOutput struct{ Body api.SourceList }

func (s *Server) sources(context.Context, *struct{}) (*sourcesOutput, error) {
	serving, err := s.serving()
	if err != nil {
		return nil, err
	}
	out := &sourcesOutput{Body: api.SourceList{Sources: []api.Source{}}}
	for _, st := range serving.Lamps.Sources() {
		one := api.Source{Name: st.Name, Tenant: st.Tenant, Up: st.Up, Heard: st.Heard, Since: st.Since, Devices: st.Devices}
		if st.Why != nil {
			one.Error = st.Why.Error()
		}
		out.Body.Sources = append(out.Body.Sources, one)
	}
	return out, nil
}

type versionOutput struct{ Body api.Version }

func (s *Server) version(context.Context, *struct{}) (*versionOutput, error) {
	return &versionOutput{Body: api.Version{Version: s.c.Version, GoVersion: runtime.Version(), Started: s.started}}, nil
}

type reloadOutput struct{ Body api.Reloaded }

func (s *Server) reload(ctx context.Context, _ *struct{}) (*reloadOutput, error) {
	if err := s.c.Backend.Reload(ctx); err != nil {
		return nil, problem("reload", err)
	}
	s.log.Info("reloaded through the admin API")
	return &reloadOutput{Body: api.Reloaded{Message: "configuration and policy were read again and are in force"}}, nil
}
