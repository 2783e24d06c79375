package policy

import (
	"strings"
	"unicode"
)

// MaxLabel is how many characters a button's label may have (CME, blf-speed-dial).
const MaxLabel = 30

// BLFButton is a BLF/SpeedDial button (CUCM, Table 20-4): a directory number, or a
// destination, never both. The administrator answers for it: presence groups do not
// apply to it. There may be any number of them, where CME takes the tags 1 to 33 on SCCP
// and 1 to 7 on SIP phones.
type BLFButton struct {
	// Number is a directory number of ours, however it is written.
	Number string `json:"number,omitempty"`
	// Partition says only what pressing the button dials; which line lights it is the
	// calling search space's choice (CUCM, BLF Presence Restrictions).
	Partition string `json:"partition,omitempty"`
	// Destination is what is dialled, ours or not: digits, * and #, or a SIP URI.
	Destination string `json:"destination,omitempty"`
	// URI is a destination that is a SIP URI.
	URI string `json:"uri,omitempty"`
	// Label is shown beside the lamp: at most 30 characters.
	Label string `json:"label,omitempty"`
	// LabelASCII is shown by phones that know no other characters; it may differ from
	// Label. Without it they get Label as far as it is ASCII.
	LabelASCII string `json:"label_ascii,omitempty"`
	// Device shows the phone whose primary line the number is instead of the line (CME,
	// device-based monitoring). All numbers of that phone need allow watch.
	Device bool `json:"device,omitempty"`
}

// Text is what a phone shows beside the button: the label, or with ascii what a phone
// without internationalisation can show; without any label what is dialled.
func (b *BLFButton) Text(ascii bool) string {
	text := b.Label
	switch {
	case ascii && b.LabelASCII != "":
		return b.LabelASCII
	case ascii:
		text = strings.TrimSpace(strings.Map(func(r rune) rune {
			if r > unicode.MaxASCII {
				return '?'
			}
			return r
		}, b.Label))
	case text == "":
		text = b.LabelASCII
	}
	for _, s := range []string{text, b.Number, b.Destination, b.URI} {
		if s != "" {
			return s
		}
	}
	return ""
}

// uri is the button's SIP URI, empty if it has a number.
func (b *BLFButton) uri() string {
	if b.URI == "" && strings.Contains(b.Destination, "@") {
		return b.Destination
	}
	return b.URI
}

// number is the button's number, empty if it has a SIP URI.
func (b *BLFButton) number() string {
	if b.Number == "" && b.uri() == "" {
		return b.Destination
	}
	return b.Number
}
