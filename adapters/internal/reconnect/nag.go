package reconnect

import (
	"log/slog"
	"time"
)

// nagAgain is how often a failure that stays the same is said aloud.
const nagAgain = time.Minute

// Nag keeps a PBX that stays away from flooding the log. It is not safe for concurrent use.
type Nag struct {
	last string
	at   time.Time
}

// Level is how loudly to log a failure: Warn when it is another one than the last, and
// once a minute; Debug otherwise.
func (n *Nag) Level(err error) slog.Level {
	text, now := err.Error(), time.Now()
	if text == n.last && now.Sub(n.at) < nagAgain {
		return slog.LevelDebug
	}
	n.last, n.at = text, now
	return slog.LevelWarn
}

// Reset is called when the PBX is back.
func (n *Nag) Reset() { *n = Nag{} }
