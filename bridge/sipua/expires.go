package sipua

import (
	"time"
)

// parseExpires reads the values of all Expires headers; asked is negative if there is none.
func parseExpires(values []string) (asked time.Duration, err error) {
	switch len(values) {
	case 0:
		return -1, nil
	case 1:
	default:
		return 0, malformed("Expires is doubled")
	}
	// RFC 3261 §20.19: seconds, up to 2^32-1.
	n, ok := parseUint(values[0], 1<<32-1)
	if !ok {
		return 0, malformed("Expires is not a number of seconds")
	}
	return time.Duration(n) * time.Second, nil
}

// lifetimes bound what is granted.
type lifetimes struct{ min, max, absent time.Duration }

// grant says for how long a subscription is granted. asked is negative if nothing was
// said, and 0 to unsubscribe or fetch.
//
// RFC 6665 §4.2.1.1: 423 if and only if greater than zero and smaller than an hour and
// smaller than our minimum; a 2xx may shorten and never lengthens.
func (l lifetimes) grant(asked time.Duration) (time.Duration, error) {
	switch {
	case asked < 0:
		return min(l.absent, l.max), nil
	case asked == 0:
		return 0, nil
	case asked < time.Hour && asked < l.min:
		return 0, ErrTooBrief
	}
	return min(asked, l.max), nil
}
