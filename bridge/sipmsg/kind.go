package sipmsg

// Kind is a header that somebody asks for; all the rest are Other.
type Kind uint8

// The headers known, in both their forms (RFC 3261 §7.3.3, RFC 6665 §8.4).
const (
	Other Kind = iota
	Via
	From
	To
	CallID
	CSeq
	ContentLength
	MaxForwards
	Route
	RecordRoute
	Contact
	Event
	Expires
	ProxyRequire
	Supported
	kinds
)

var compact = [26]Kind{
	'v' - 'a': Via, 'f' - 'a': From, 't' - 'a': To, 'i' - 'a': CallID, 'l' - 'a': ContentLength,
	'm' - 'a': Contact, 'o' - 'a': Event, 'k' - 'a': Supported,
}

// names by their first letter.
var names = [26][]struct {
	name string
	kind Kind
}{
	'v' - 'a': {{"via", Via}},
	'f' - 'a': {{"from", From}},
	't' - 'a': {{"to", To}},
	'c' - 'a': {{"call-id", CallID}, {"cseq", CSeq}, {"contact", Contact}, {"content-length", ContentLength}},
	'm' - 'a': {{"max-forwards", MaxForwards}},
	'r' - 'a': {{"route", Route}, {"record-route", RecordRoute}},
	'e' - 'a': {{"event", Event}, {"expires", Expires}},
	'p' - 'a': {{"proxy-require", ProxyRequire}},
	's' - 'a': {{"supported", Supported}},
}

// KindOf knows a header by its name.
func KindOf(name []byte) Kind {
	if len(name) == 0 {
		return Other
	}
	first := name[0] | 0x20 - 'a'
	switch {
	case first >= 26:
		return Other
	case len(name) == 1:
		return compact[first]
	}
	for _, n := range names[first] {
		if Fold(name, n.name) {
			return n.kind
		}
	}
	return Other
}

// Fold reports whether b is s but for case; s is in lower case.
func Fold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i := range b {
		c := b[i]
		if c-'A' < 26 {
			c |= 0x20
		}
		if c != s[i] {
			return false
		}
	}
	return true
}
