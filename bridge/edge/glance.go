package edge

import (
	"bytes"

	"blfbridge/bridge/sipmsg"
	"blfbridge/bridge/sipua"
)

// maxGlance is the longest request line that is glanced at: in it no token can stand.
const maxGlance = 50

// plainlyOurs is a glance at a message that is surely left to the server, so that it is not
// read twice: a SUBSCRIBE of the server's table without a Route, written in the usual way.
// Of all others it says nothing.
func plainlyOurs(msg []byte) bool {
	const method = "SUBSCRIBE "
	eol := bytes.IndexByte(msg, '\n')
	if eol < len(method) || eol > maxGlance || string(msg[:len(method)]) != method {
		return false
	}
	found := false
	for msg = msg[eol+1:]; ; {
		eol = bytes.IndexByte(msg, '\n')
		if eol < 1 || msg[eol-1] != '\r' {
			return false
		}
		line := msg[:eol-1]
		msg = msg[eol+1:]
		if len(line) == 0 {
			return found
		}
		switch line[0] | 0x20 {
		case ' ', '\t' | 0x20: // folded
			return false
		case 'r':
			if len(line) > 5 && sipmsg.Fold(line[:5], "route") {
				return false
			}
		case 'o':
			return false // may be Event, compact
		case 'e':
			name, value, _ := bytes.Cut(line, []byte{':'})
			if !sipmsg.Fold(bytes.TrimSpace(name), "event") {
				continue
			}
			if found || !sipua.Served([]byte(method[:len(method)-1]), bytes.TrimSpace(value)) {
				return false
			}
			found = true
		}
	}
}
