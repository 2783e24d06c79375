package trace

import (
	"context"
	"log/slog"
	"slices"
)

// Handler hands what is logged to next as before, and to whoever listens.
func (h *Hub) Handler(next slog.Handler) slog.Handler { return &handler{hub: h, next: next} }

type handler struct {
	hub    *Hub
	next   slog.Handler
	prefix string
	attrs  []attr
}

type attr struct{ name, value string }

// Enabled implements slog.Handler: everything is, while somebody listens.
func (t *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return t.hub.Listening() || t.next.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (t *handler) Handle(ctx context.Context, r slog.Record) error {
	if t.hub.Listening() {
		e := Entry{Time: r.Time, Level: levelName(r.Level), Message: r.Message, Attrs: make(map[string]string, len(t.attrs)+r.NumAttrs())}
		for _, a := range t.attrs {
			e.Attrs[a.name] = a.value
		}
		r.Attrs(func(a slog.Attr) bool {
			for _, x := range flat(nil, t.prefix, a) {
				e.Attrs[x.name] = x.value
			}
			return true
		})
		t.hub.publish(e)
	}
	if !t.next.Enabled(ctx, r.Level) {
		return nil
	}
	return t.next.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (t *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	n := *t
	n.next, n.attrs = t.next.WithAttrs(attrs), slices.Clone(t.attrs)
	for _, a := range attrs {
		n.attrs = flat(n.attrs, t.prefix, a)
	}
	return &n
}

// WithGroup implements slog.Handler.
func (t *handler) WithGroup(name string) slog.Handler {
	n := *t
	n.next = t.next.WithGroup(name)
	if name != "" {
		n.prefix += name + "."
	}
	return &n
}

// flat adds an attribute, or those of a group.
func flat(out []attr, prefix string, a slog.Attr) []attr {
	v := a.Value.Resolve()
	if v.Kind() != slog.KindGroup {
		return append(out, attr{prefix + a.Key, v.String()})
	}
	if a.Key != "" {
		prefix += a.Key + "."
	}
	for _, g := range v.Group() {
		out = flat(out, prefix, g)
	}
	return out
}

// levelName names what is below debug as SIP transcripts are called.
func levelName(l slog.Level) string {
	if l < slog.LevelDebug {
		return "TRACE"
	}
	return l.String()
}
