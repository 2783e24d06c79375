package policy

import (
	"math/rand/v2"
	"testing"
)

func TestNormalise(t *testing.T) {
	snap := compileYAML(t, `
tenants:
  - {name: bare}
  - {name: us, country_code: 1, international_prefix: "011"}
  - {name: nz, country_code: "+64"}
  - {name: au, country_code: 61, international_prefix: "0011"}
  - {name: it, country_code: 39, national_prefix: none}
  - {name: dk, country_code: 45, national_prefix: none, national_digits: 8}
`)
	for _, c := range []struct{ tenant, in, want string }{
		{"bare", "1001", "1001"},
		{"bare", "13106341777", "13106341777"},
		{"bare", "+13106341777", "13106341777"},
		{"bare", "0013106341777", "13106341777"},
		{"bare", "%2B1(310)%20634-1777", "13106341777"},
		{"bare", "+1.310.634.1777", "13106341777"},
		{"bare", "3106341777", "3106341777"}, // only with a country code
		{"bare", "13106341777;phone-context=x", "13106341777"},
		{"us", "+13106341777", "13106341777"},
		{"us", "0013106341777", "13106341777"},
		{"us", "01113106341777", "13106341777"},
		{"us", "13106341777", "13106341777"},
		{"us", "3106341777", "13106341777"},
		{"us", "310-634-1777", "13106341777"},
		{"us", "+64 9 123 4567", "+6491234567"}, // ten digits: bare it would be a US number
		{"us", "6491234567", "16491234567"},
		{"us", "0116491234567", "+6491234567"},
		{"us", "+4930123456789", "4930123456789"},
		{"us", "1001", "1001"},
		{"nz", "091234567", "6491234567"},
		{"nz", "006491234567", "6491234567"},
		{"nz", "6491234567", "6491234567"},
		{"nz", "0800123", "64800123"},
		{"nz", "012345", "012345"}, // too short for a national number
		{"au", "001113106341777", "13106341777"},
		{"au", "0013106341777", "13106341777"},
		{"it", "0612345678", "0612345678"},
		{"it", "+390612345678", "390612345678"},
		{"dk", "12345678", "4512345678"},
		{"unheard-of", "+13106341777", "13106341777"},

		{"bare", "1-2-3", "1-2-3"}, // short numbers are left alone
		{"bare", "+1001", "+1001"},
		{"bare", "*891001", "*891001"},
		{"bare", "%2a89%31001", "*891001"},
		{"bare", "%252A891001", "*891001"}, // escaped twice on the way
		{"bare", "100%", "100%"},
		{"bare", "100%zz", "100%zz"},
		{"bare", "alice.smith-jones", "alice.smith-jones"},
		{"bare", "Alice", "Alice"}, // RFC 3261 §19.1.4: user parts differ by case
		{"bare", "1001-mobile", "1001-mobile"},
		{"bare", "park%3A701%40parkedcalls", "park:701@parkedcalls"},
		{"bare", "park+5900", "park:5900"},
		{"bare", "conf+3001", "conference:3001"},
		{"bare", "", ""},
	} {
		if got := snap.Normalise(c.tenant, c.in); got != c.want {
			t.Errorf("%s: Normalise(%q) = %q, want %q", c.tenant, c.in, got, c.want)
		}
	}
}

// TestNormaliseIsIdempotent: numbers are normalised at compile time, by the SIP side and
// again on the way; whatever country codes and prefixes are set, that must not matter.
func TestNormaliseIsIdempotent(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	for range 200_000 {
		p := newDialPlan(&Tenant{
			CountryCode:         pick("", "1", "44", "49", "61", "7"),
			InternationalPrefix: pick("", "00", "011", "0011", "810", "1", "44"),
			NationalPrefix:      pick("", "0", "1", "4", "none", "8"),
			NationalDigits:      r.IntN(12),
		})
		var s string
		for range r.IntN(5) {
			s += pick("+", "0", "00", "011", "810", "1", "44", "49", "31", "7", "%2B", "%30", "%25", "2", "(", ")", "-", " ", ".", "*89", "#", "a", ":", ";", "@",
				"3106341777", "123456", "1234567", "44444444", "00000000")
		}
		once := p.normalise(s)
		if twice := p.normalise(once); twice != once {
			t.Fatalf("%+v: %q becomes %q, then %q", p, s, once, twice)
		}
	}
}

func TestStripPickup(t *testing.T) {
	snap := compileYAML(t, `
tenants:
  - {name: t, country_code: 1, lines: [{number: "*8999"}]}
  - {name: fs, pickup_code: "**"}
`)
	for _, c := range []struct {
		tenant, in, rest string
		had              bool
	}{
		{"t", "*891001", "1001", true},
		{"t", "%2A891001", "1001", true},
		{"t", "*8913106341777", "13106341777", true},
		{"t", "*893106341777", "13106341777", true},
		{"t", "*89+13106341777", "13106341777", true},
		{"t", "*89", "", true},
		{"t", "1001", "1001", false},
		{"t", "*8999", "*8999", false}, // a line of its own
		{"t", "891001", "891001", false},
		{"fs", "**1001", "1001", true},
		{"fs", "*891001", "*891001", false},
		{"unheard-of", "*891001", "1001", true},
	} {
		rest, had := snap.StripPickup(c.tenant, c.in)
		if rest != c.rest || had != c.had {
			t.Errorf("%s: StripPickup(%q) = %q, %v, want %q, %v", c.tenant, c.in, rest, had, c.rest, c.had)
		}
	}
}

func TestNormaliseAllocatesNothingForPlainNumbers(t *testing.T) {
	snap := compileYAML(t, `tenants: [{name: t, country_code: 1}]`)
	for _, n := range []string{"1001", "13106341777", "+13106341777", "alice"} {
		if a := testing.AllocsPerRun(100, func() { snap.Normalise("t", n) }); a != 0 {
			t.Errorf("%q: %v allocations", n, a)
		}
	}
}

func TestSpecialName(t *testing.T) {
	for s, want := range map[string]bool{
		"park:701@parkedcalls": true, "confbridge:800": true, "Queue:support": true, "park+5900": true,
		"1001": false, "+13106341777": false, "PJSIP/1001": false, "1001@a.example": false, ":1": false, "park:": false, "10:20": false, "": false,
	} {
		if got := SpecialName(s); got != want {
			t.Errorf("SpecialName(%q) = %v", s, got)
		}
	}
}

func TestDeviceNumber(t *testing.T) {
	for name, want := range map[string]string{
		"PJSIP/1001": "1001", "1001@tenant.example": "1001", "Custom:DND1001": "1001", "1001": "1001",
		"park:701@parkedcalls": "park:701@parkedcalls", "SIP/acme/1001": "1001", "@x": "@x",
	} {
		if got := DeviceNumber(name); got != want {
			t.Errorf("DeviceNumber(%q) = %q, want %q", name, got, want)
		}
	}
}
