package policy

import (
	"fmt"
	"strings"
)

// CME's ranges where ours are wider (max-subscription; number; voice register pool,
// number; blf-speed-dial on SIP and on SCCP phones).
const (
	cmeMinSubscriptions = 100
	cmeMaxNumber        = 16
	cmeMaxLines         = 10
	cmeMaxButtonsSIP    = 7
	cmeMaxButtonsSCCP   = 33
)

// BeyondCME tells in one line which values of a document are outside CME's ranges, empty
// if none is. All of them hold here. Nothing that CME does not have at all is told.
func BeyondCME(d *Document) string {
	var beyond []string
	tell := func(n int, format string, limits ...any) {
		if n > 0 {
			beyond = append(beyond, fmt.Sprintf(format, append([]any{n}, limits...)...))
		}
	}
	if n := d.MaxSubscriptions; n < cmeMinSubscriptions {
		tell(n, "max_subscriptions %d (%d and up)", cmeMinSubscriptions)
	}
	var numbers, lines, sip, sccp int
	for i := range d.Tenants {
		for _, l := range d.Tenants[i].Lines {
			numbers += one(len(l.Number) > cmeMaxNumber)
		}
		for _, p := range d.Tenants[i].Phones {
			lines += one(len(p.Lines) > cmeMaxLines)
			sip += one(len(p.BLFButtons) > cmeMaxButtonsSIP && len(p.BLFButtons) <= cmeMaxButtonsSCCP)
			sccp += one(len(p.BLFButtons) > cmeMaxButtonsSCCP)
		}
	}
	tell(numbers, "numbers of more than %[2]d characters (%[1]d)", cmeMaxNumber)
	tell(lines, "phones with more than %[2]d lines (%[1]d)", cmeMaxLines)
	tell(sip, "SIP phones with more than %[2]d buttons (%[1]d)", cmeMaxButtonsSIP)
	tell(sccp, "phones with more than %[2]d buttons (%[1]d)", cmeMaxButtonsSCCP)
	return strings.Join(beyond, ", ")
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
