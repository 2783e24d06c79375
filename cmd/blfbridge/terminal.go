package main

import (
	"io"
	"os"

	"blfbridge/bridge/admin/show"
)

// paint says whether colours may be written: only to a terminal that knows them, and
// not if the user does not want any (https://no-color.org).
func (c *cli) paint(w io.Writer) show.Paint {
	return show.Paint(isTerminal(w) && c.getenv("NO_COLOR") == "" && c.getenv("TERM") != "dumb")
}

// interactive reports whether somebody can be asked.
func (c *cli) interactive() bool { return isTerminal(c.in) && isTerminal(c.out) }

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && f.Name() != os.DevNull
}
