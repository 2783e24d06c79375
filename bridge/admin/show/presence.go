package show

import (
	"io"
	"strconv"

	"blfbridge/bridge/admin/api"
)

// Global writes the settings as CME's show presence global does.
func Global(w io.Writer, g *api.Presence) error {
	const width = 33
	p := &printer{w: w}
	p.f("Presence Global Configuration Information:\n=====\n")
	p.field(width, "Presence feature enable", boolWord(g.Enabled))
	p.field(width, "Presence allow external watchers", boolWord(g.ExternalWatchers))
	limit := strconv.Itoa(g.MaxSubscriptions)
	if g.MaxSubscriptions == 0 {
		limit = "no limit"
	}
	p.field(width, "Presence max subscription allowed", limit)
	p.field(width, "Presence number of subscriptions", g.Subscriptions)
	p.field(width, "Presence allow external subscribe", boolWord(g.ExternalSubscribe))
	p.field(width, "Presence call list enable", boolWord(g.CallList))
	p.field(width, "Presence server IP address", g.Server)
	p.field(width, "Presence sccp blfsd retry interval", g.RetryInterval)
	p.field(width, "Presence sccp blfsd retry limit", g.RetryLimit)
	p.field(width, "Presence router mode", g.Mode)
	p.field(width, "Presence unlisted watchers", g.UnknownWatchers)
	return p.err
}
