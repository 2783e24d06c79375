package main

import (
	"io"
	"os"

	"blfbridge/bridge/admin/show"
)

// paint says whether colours may be written: only to a terminal that knows them, and
// not if the user does not want any (https://no-color.org).
func (c *cli) paint(w io.Writer) show.Paint {
	f, ok := w.(*os.File)
	if !ok || c.getenv("NO_COLOR") != "" || c.getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return show.Paint(err == nil && info.Mode()&os.ModeCharDevice != 0)
}
