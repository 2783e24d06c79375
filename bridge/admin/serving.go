package admin

import "github.com/danielgtaylor/huma/v2"

// serving is what the bridge serves; the error is the answer while it is starting.
func (s *Server) serving() (*Serving, error) {
	if v := s.c.Backend.Serving(); v != nil {
		return v, nil
	}
	return nil, huma.Error503ServiceUnavailable("the bridge is still starting: /readyz tells what it waits for")
}
