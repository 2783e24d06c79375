package eventpkg

import (
	"strings"
	"testing"
)

func TestDialectFor(t *testing.T) {
	for agent, want := range map[string]string{
		"":                                      "default",
		"SomePhone/1.0":                         "default",
		"Yealink SIP-T46S 66.85.0.5":            "yealink",
		"Yealink VP59 91.87.0.25":               "yealink",
		"yealink W60B 77.83.0.85":               "yealink",
		"PolycomVVX-VVX_410-UA/5.9.5.0614":      "polycom",
		"PolycomSoundPointIP-SPIP_550-UA/4.0.8": "polycom",
		"Polycom/5.5.1.11526 PolycomVVX-VVX_250-UA/5.5.1": "polycom",
		"PolyEdge-Edge_E350-UA/8.1.1":                     "polycom",
		"Cisco/SPA504G-7.6.2c":                            "cisco-spa",
		"Linksys/SPA962-6.1.5(a)":                         "cisco-spa",
		"Cisco-CP-7841-3PCC/11.0.1":                       "cisco-mpp",
		"Cisco-CP-8851-3PCC/12.0.3_0000_abc":              "cisco-mpp",
		"Cisco-CP7841/10.3.1":                             "cisco-enterprise",
		"Cisco-CP8861/14.1":                               "cisco-enterprise",
		"Cisco-CUCM12.5":                                  "cisco-enterprise",
		"snomD785/10.1.46.16":                             "snom",
		"snom370/8.7.5.35":                                "snom",
		"Grandstream GXP2170 1.0.9.127":                   "grandstream",
		"Aastra 6757i/3.3.1.4305-SIP":                     "mitel",
		"Mitel-6867i/5.1.0.1008-SIP":                      "mitel",
		"OBIHAI/OBi1062-5.1.11.6031":                      "obihai",
		"Auerswald COMfortel D-600 2.8":                   "auerswald",
		"PJSUA v2.15 Linux-6.1/x86_64/glibc-2.36":         "pjsua",
		"baresip v1.0.0 (x86_64/linux)":                   "baresip",
		"Linphone Desktop/4.4.2 (Debian)":                 "linphone",
		"LinphoneAndroid/5.0.0":                           "linphone",
		"Bria 5 release 5.7.1":                            "bria",
		// Names in the middle of somebody else's agent do not count.
		"NotYealink": "default",
	} {
		if got := DialectFor(agent).String(); got != want {
			t.Errorf("DialectFor(%q) = %s, want %s", agent, got, want)
		}
	}
}

func TestDialectTable(t *testing.T) {
	seen := map[string]DialectID{}
	for _, id := range Dialects() {
		d := id.Dialect()
		if by, ok := DialectByName(d.Name); !ok || by != id {
			t.Errorf("DialectByName(%q) = %d, %v; want %d", d.Name, by, ok, id)
		}
		if d.NotifyRate < 0 || d.NotifyRate > 1000 {
			t.Errorf("%s takes %d NOTIFYs a second", d.Name, d.NotifyRate)
		}
		if len(d.Evidence) < 20 {
			t.Errorf("%s has no evidence", d.Name)
		}
		if strings.ToLower(d.Name) != d.Name || strings.ContainsAny(d.Name, " /_") {
			t.Errorf("%q is no good name: it stands in configuration and file names", d.Name)
		}
		for _, a := range d.Agents {
			if a != strings.ToLower(a) {
				t.Errorf("%s: agent %q is not lower case", d.Name, a)
			}
			if other, ok := seen[a]; ok {
				t.Errorf("%s and %s claim the same agent %q", d.Name, other, a)
			}
			seen[a] = id
		}
	}
	if Default.String() != "default" {
		t.Errorf("the default dialect is %q", Default)
	}
	if DialectID(60000).Dialect() != Default.Dialect() {
		t.Error("an id out of range must fall back to the default")
	}
	if _, ok := DialectByName("no-such-phone"); ok {
		t.Error("DialectByName found a dialect that does not exist")
	}
}

// Names are stored with subscriptions and stand in configuration: they may be added,
// never changed.
func TestDialectNamesAreStable(t *testing.T) {
	for _, name := range []string{
		"default", "yealink", "polycom", "cisco-spa", "cisco-mpp", "cisco-enterprise", "snom", "grandstream",
		"mitel", "obihai", "auerswald", "pjsua", "baresip", "linphone", "bria", "asterisk-hold", "dnd-idle", "rfc4235",
	} {
		if _, ok := DialectByName(name); !ok {
			t.Errorf("dialect %q is gone; subscriptions in stores name it", name)
		}
	}
}
