package eventpkg

import "blfbridge/bridge/eventpkg/dialoginfo"

// dialects is the table. Only habits with evidence differ from the default; a new
// entry goes to the end and gets its goldens by `go test ./bridge/eventpkg -update`.
var dialects = [...]Dialect{
	{
		Name: "default",
		Evidence: "RFC 4235 and RFC 3863. Unknown is confirmed: terminated and an empty document both " +
			"read as idle (RFC 4235 §3.7.2, §6.2). A dialling phone is confirmed, as Asterisk 22 and " +
			"FreeSWITCH 1.11 send it (recorded).",
	},
	{
		Name:    "yealink",
		Agents:  []string{"yealink"},
		Unknown: UnknownEmpty,
		Evidence: "Administrator guides T4x/T5x: LED off = the monitored line fails to register or does not exist, " +
			"green = idle, slow red = held. OpenSIPS pull request 1193 and FusionPBX pull request 6389: without a dialog node " +
			"the lamp is out and the key says unavailable.",
	},
	{
		Name:     "polycom",
		Agents:   []string{"polycom", "poly/", "polyedge", "polyvvx", "poly "},
		Evidence: "Calls the remote dialog by Replaces if call-id and tags are shown, else dials the feature code; XPIDF on SoundPoint IP.",
	},
	{
		Name:     "cisco-spa",
		Agents:   []string{"cisco/spa", "linksys/spa", "sipura/spa", "cisco-spa"},
		Evidence: "Kamailio presence_dialoginfo README: SPA962 crashes on several dialogs. pua_dialoginfo README: its lamp blinks for a dialling phone in state early.",
	},
	{
		Name:     "cisco-mpp",
		Agents:   []string{"cisco-cp-68", "cisco-cp-78", "cisco-cp-88", "cisco-cp-98", "cisco-cp-6", "cisco-cp-7", "cisco-cp-8", "cisco-cp-9"},
		Evidence: "Multiplatform firmware names itself Cisco-CP-<model>-3PCC/<version>; lamp green, fast red, red, slow red for held; picks up by star code.",
	},
	{
		Name:     "cisco-enterprise",
		Agents:   []string{"cisco-cp", "cisco-cucm", "cisco-ccm"},
		Presence: PresenceCisco,
		Evidence: "CUCM 7.0 capture and the chan_sip patch for Cisco phones: Accept application/cpim-pidf+xml; " +
			"e:on-the-phone, ce:alerting, ce:dnd; ce:available when idle (siplib).",
	},
	{
		Name:         "snom",
		Agents:       []string{"snom"},
		DialingPhase: true,
		Target:       TargetPickup,
		HideIDs:      true,
		Evidence: "Snom wiki: LED off = idle, so an unknown line must not be off. With a call-id the phone sends Replaces to the " +
			"remote target, without one it just calls that, which is the simpler way to pick up. pua_dialoginfo README: Snom works with early for a dialling phone.",
	},
	{
		Name:     "grandstream",
		Agents:   []string{"grandstream"},
		Evidence: "Picks up by prefix and extension; idle, ringing, busy, offline. No evidence of a dialog-info form of offline.",
	},
	{
		Name:     "mitel",
		Agents:   []string{"mitel", "aastra"},
		Evidence: "Aastra and Mitel 67xx-69xx guides: the lamp is on when busy or unregistered, slow flash when held.",
	},
	{
		Name:     "obihai",
		Agents:   []string{"obihai", "polyobi"},
		Evidence: "Picks up by code or Replaces; one dialog.",
	},
	{
		Name:       "auerswald",
		Agents:     []string{"auerswald", "comfortel"},
		NotifyRate: 10,
		Evidence:   "Takes 10 NOTIFY/s and drops beyond 100 queued, so we pace; the body is the default's.",
	},
	{
		Name:     "pjsua",
		Agents:   []string{"pjsua"},
		Evidence: "pjproject pull request 3754 (2.15): reads one dialog of dialog-info; presence by PIDF and RPID.",
	},
	{
		Name:   "baresip",
		Agents: []string{"baresip"},
		Evidence: "baresip modules/presence: PIDF only, 415 for any other Content-Type; finds <basic> directly in <status>, " +
			"<rpid:busy/> and <rpid:on-the-phone/> as text, so the prefix matters.",
	},
	{
		Name:     "linphone",
		Agents:   []string{"linphone", "belle-sip"},
		Evidence: "Presence by PIDF with data model and RPID (liblinphone presence); desktop's dialog-info reading is in pull request 1009.",
	},
	{
		Name:     "bria",
		Agents:   []string{"bria", "counterpath", "x-lite", "eyebeam"},
		Evidence: "Kamailio presence_dialoginfo README: Bria expects at least one dialog.",
	},
	{
		Name:       "asterisk-hold",
		Hold:       dialoginfo.HoldPBX,
		SecondCall: SecondBusy,
		Evidence: "Asterisk 22 res_pjsip_dialog_info_body_generator (recorded): pname=\"+sip.rendering\" pvalue=\"no\", busy while a " +
			"second call rings. Invalid by the schema; for phones that read only this. Chosen by name.",
	},
	{
		Name:     "dnd-idle",
		DND:      DNDIdle,
		Evidence: "The default with do not disturb hidden, for sites where a red lamp must mean a call. Chosen by name.",
	},
	{
		Name:         "rfc4235",
		Several:      true,
		DialingPhase: true,
		Evidence:     "RFC 4235 to the letter, for servers and applications: every dialog with its own state and identifiers. Chosen by name.",
	},
	{
		Name:         "blfbridge",
		Agents:       []string{"blfbridge"},
		Several:      true,
		DialingPhase: true,
		Unknown:      UnknownEmpty,
		Evidence:     "Ours: another blfbridge watches over a trunk (package trunk), and reads a document without dialogs from us as unknown.",
	},
}
