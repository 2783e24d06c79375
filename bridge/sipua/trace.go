package sipua

import (
	"context"
	"log/slog"
	"regexp"
	"sync"
	"time"
)

// LevelTrace is the level of SIP transcripts, below slog.LevelDebug.
const LevelTrace = slog.LevelDebug - 4

// secrets matches what must not stand in a transcript: the digest response and what
// else could be attacked offline, and passwords of URIs.
var secrets = regexp.MustCompile(`(?i)\b(response|cnonce|opaque|nextnonce|rspauth)(\s*=\s*)("[^"\r\n]*"|[^\s,;"]+)|(?:Basic|Bearer)\s+[^\s,]+|(sips?:[^\s:@>;"]+):[^\s@>"]+@`)

// maskCredentials hides the secrets of a message.
func maskCredentials(msg string) string {
	return secrets.ReplaceAllStringFunc(msg, func(m string) string {
		g := secrets.FindStringSubmatch(m)
		switch {
		case g[1] != "":
			return g[1] + g[2] + `"***"`
		case g[4] != "":
			return g[4] + ":***@"
		}
		return m[:len(firstWord(m))] + " ***"
	})
}

func firstWord(s string) string {
	for i := range len(s) {
		if s[i] == ' ' || s[i] == '\t' {
			return s[:i]
		}
	}
	return s
}

// trace writes a transcript if anybody reads it.
func trace(log *slog.Logger, direction string, p packet) {
	if ctx := context.Background(); log.Enabled(ctx, LevelTrace) {
		log.Log(ctx, LevelTrace, "sip", "direction", direction, "transport", p.transport.String(),
			"local", p.local.String(), "remote", p.remote.String(), "message", maskCredentials(string(p.msg)))
	}
}

// quietLog lets one message of a kind through per interval, with the number of those
// that it held back: a flood must not become a flood of log lines. Kinds come from a
// fixed set.
type quietLog struct {
	log      *slog.Logger
	interval time.Duration
	mu       sync.Mutex // guards kinds
	kinds    map[string]*struct {
		next time.Time
		held int
	}
}

func newQuietLog(log *slog.Logger, interval time.Duration) *quietLog {
	q := &quietLog{log: log, interval: interval}
	q.kinds = make(map[string]*struct {
		next time.Time
		held int
	})
	return q
}

// warn logs msg unless one of that kind was logged just now.
func (q *quietLog) warn(kind, msg string, args ...any) {
	now := time.Now()
	q.mu.Lock()
	k := q.kinds[kind]
	if k == nil {
		k = &struct {
			next time.Time
			held int
		}{}
		q.kinds[kind] = k
	}
	if now.Before(k.next) {
		k.held++
		q.mu.Unlock()
		return
	}
	held := k.held
	k.next, k.held = now.Add(q.interval), 0
	q.mu.Unlock()
	if held > 0 {
		args = append(args, "more_like_it", held)
	}
	q.log.Warn(msg, args...)
}
