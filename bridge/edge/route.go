package edge

import (
	"bytes"

	"blfbridge/bridge/sipmsg"
)

// way is what the Route headers of a request tell.
type way struct {
	token token
	// known: there is a token, which is genuine.
	known bool
	// strict: the token stood in the request URI (RFC 3261 §16.4).
	strict bool
	// sips: the next Route, which is not ours, is a SIPS URI.
	sips bool
}

// readRoutes finds our token and takes our Route values off the top, both of a double
// Record-Route and the address by which a phone knows us as its outbound proxy.
func (e *Edge) readRoutes(w *work) (r way) {
	m := &w.msg
	if u, ok := sipmsg.ParseURI(m.At(m.URI)); ok && mayBeToken(u.User) {
		if t, genuine := e.sealer.open(u.User); genuine {
			r = way{token: t, known: true, strict: true}
			e.unstrict(w, &r)
			return r
		}
	}
	if !m.Has(sipmsg.Route) {
		return r
	}
	skipped := 0
	for _, h := range m.Lines() {
		if h.Kind != sipmsg.Route {
			continue
		}
		rest := m.At(h.Value)
		for len(rest) > 0 {
			value, after, _, _ := sipmsg.Cut(rest, ',')
			if !e.ourRoute(value, &r) {
				if used := h.Value.End - len(rest); used > h.Value.Start {
					w.remove(sipmsg.Span{Start: h.Value.Start, End: used})
				}
				uri, _, _ := sipmsg.Address(value)
				r.sips = isSIPS(uri)
				if r.known && strictRoute(value) {
					w.toStrict(skipped)
				}
				return r
			}
			skipped++
			rest = bytes.TrimLeft(after, " \t")
		}
		w.remove(sipmsg.Span{Start: h.Line.Start, End: h.Line.End + 2})
	}
	return r
}

// ourRoute reports whether a Route value names us, and keeps its token.
func (e *Edge) ourRoute(value []byte, r *way) bool {
	uri, _, _ := sipmsg.Address(value)
	u, ok := sipmsg.ParseURI(uri)
	if !ok {
		return false
	}
	if mayBeToken(u.User) {
		if t, genuine := e.sealer.open(u.User); genuine {
			if !r.known {
				r.token, r.known = t, true
				return true
			}
			// The other half of a double Record-Route; another Path is somebody else's.
			return r.token.kind != pathToken && t.kind != pathToken && t.flow == r.token.flow
		}
		return false
	}
	return len(u.User) == 0 && !r.known && e.ourURI(u)
}

// unstrict undoes what a strict router did: its request URI is our Route, the real one is
// the last Route (RFC 3261 §16.4).
func (e *Edge) unstrict(w *work, r *way) {
	values := routeValues(&w.msg)
	if len(values) == 0 {
		return
	}
	uri, _, ok := sipmsg.Address(values[len(values)-1])
	if !ok {
		return
	}
	values = values[:len(values)-1]
	for len(values) > 0 && e.ourRoute(values[0], r) {
		values = values[1:]
	}
	if len(values) > 0 {
		next, _, _ := sipmsg.Address(values[0])
		r.sips = isSIPS(next)
	}
	w.setRoutes(uri, values)
}

// toStrict does for a next hop that is a strict router what it expects (RFC 3261 §16.6
// step 6): its URI becomes the request URI, which goes behind the last Route.
func (w *work) toStrict(skip int) {
	values := routeValues(&w.msg)[skip:]
	uri, _, ok := sipmsg.Address(values[0])
	if !ok {
		return
	}
	own := append(append([]byte{'<'}, w.msg.At(w.msg.URI)...), '>')
	w.setRoutes(uri, append(values[1:], own))
}

// setRoutes writes another request URI and other Routes.
func (w *work) setRoutes(uri []byte, values [][]byte) {
	w.edits = w.edits[:0]
	from := len(w.texts)
	w.texts = append(w.texts, uri...)
	w.replace(w.msg.URI, from)
	first := true
	for _, h := range w.msg.Lines() {
		if h.Kind != sipmsg.Route {
			continue
		}
		from = len(w.texts)
		if first {
			first = false
			for _, v := range values {
				w.texts = append(append(append(w.texts, "Route: "...), v...), "\r\n"...)
			}
		}
		w.replace(sipmsg.Span{Start: h.Line.Start, End: h.Line.End + 2}, from)
	}
}

// routeValues are the values of all Route lines.
func routeValues(m *sipmsg.Message) (values [][]byte) {
	for _, h := range m.Lines() {
		if h.Kind != sipmsg.Route {
			continue
		}
		for rest := m.At(h.Value); len(rest) > 0; {
			v, after, _, _ := sipmsg.Cut(rest, ',')
			if v = bytes.TrimSpace(v); len(v) > 0 {
				values = append(values, v)
			}
			rest = bytes.TrimLeft(after, " \t")
		}
	}
	return values
}

// strictRoute reports whether a Route value lacks lr.
func strictRoute(value []byte) bool {
	uri, _, ok := sipmsg.Address(value)
	if !ok {
		return false
	}
	u, ok := sipmsg.ParseURI(uri)
	_, loose := sipmsg.Param(u.Params, "lr")
	return ok && !loose
}
