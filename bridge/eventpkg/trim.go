package eventpkg

import "math"

// Trim is how much is left out to make a body smaller.
type Trim uint8

const (
	// TrimNone leaves nothing out.
	TrimNone Trim = iota
	// TrimNames leaves display names and notes out.
	TrimNames
	// TrimDialogs also leaves one dialog only.
	TrimDialogs
	// TrimMinimal leaves the lamp: the state, its direction and hold, and no identities.
	TrimMinimal
)

// Trims lists every level, largest body first.
var Trims = [...]Trim{TrimNone, TrimNames, TrimDialogs, TrimMinimal}

// RenderWithin renders the fullest body of at most limit bytes, with any version. If
// even the smallest is longer, it returns that one and ok is false: the entity alone
// is too long then.
func RenderWithin(c Content, d DialectID, lamp *Lamp, limit int) (body Body, ok bool) {
	for _, t := range Trims {
		body = RenderTrimmed(c, d, lamp, t)
		if body.Len(math.MaxUint32) <= limit {
			return body, true
		}
	}
	return body, false
}
