package sipua

// Ours reports whether a host is this server: an address it listens on, or what it
// advertises.
func (s *Server) Ours(host string) bool { return s.ours(host) }
