package scenario

import "strconv"

// PBX says where a PBX is and what it has. Four users are needed.
type PBX struct {
	Name string
	// SIP is "host:port"; Domain the host of addresses of record.
	SIP, Domain string
	// Users are the phones A, B, C and D.
	Users [4]User
	// Codes are dialled before a number (Pickup) or alone. A scenario that needs an
	// empty one is left out.
	Codes Codes
	// TCP lets the phones use TCP.
	TCP bool
}

// User is one extension.
type User struct{ Number, Password string }

// Codes are the dialplan's feature codes.
type Codes struct{ Pickup, DNDOn, DNDOff string }

// usualCodes are those of FreePBX, FusionPBX and the lab.
var usualCodes = Codes{Pickup: "*89", DNDOn: "*78", DNDOff: "*79"}

// Asterisk is the profile of the Asterisk that scripts/pbx/asterisk/up starts.
func Asterisk(sip string) PBX {
	return PBX{Name: "asterisk", SIP: sip, Domain: "127.0.0.1", Users: users("pw"), Codes: usualCodes}
}

// FreeSWITCH is the profile of the lab's FreeSWITCH, domain pbx.test.
func FreeSWITCH(sip string) PBX {
	return PBX{Name: "freeswitch", SIP: sip, Domain: "pbx.test", Users: users("secret"), Codes: usualCodes}
}

// users are 1001, 1002, 1003 and 1006, with the number behind the prefix as password.
func users(prefix string) (out [4]User) {
	for i, n := range [...]int{1001, 1002, 1003, 1006} {
		number := strconv.Itoa(n)
		out[i] = User{number, prefix + number}
	}
	return out
}

// lacks names the code that a scenario needs and the PBX has not.
func (p PBX) lacks(s Scenario) string {
	for _, st := range s.Steps {
		switch {
		case st.Verb == "picks up" && p.Codes.Pickup == "":
			return "a pickup code"
		case st.Verb == "turns dnd on" && p.Codes.DNDOn == "", st.Verb == "turns dnd off" && p.Codes.DNDOff == "":
			return "DND codes"
		}
	}
	return ""
}
