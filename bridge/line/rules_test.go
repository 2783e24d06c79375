package line

const shared = `
tenants:
  - name: t
    lines:
      - {number: 5000, devices: [PJSIP/1001, PJSIP/1002]}
`

var rules = []rule{
	{
		name:   "zero configuration",
		says:   "DESIGN §2: a device that the PBX reports is a line of its number",
		policy: ``,
		devices: `
PJSIP/1001 idle
PJSIP/1002 busy a>confirmed
`,
		lamps: `
1001 idle
1002 busy a
1003 unknown
`,
	},
	{
		name: "domains are tenants",
		says: "DESIGN §2: 1001@tenant.example is line 1001 of its domain",
		devices: `
1001@a.example idle
1001@b.example busy
`,
		lamps: `
a.example|1001 idle
b.example|1001 busy
`,
	},
	{
		name:   "alias of a tenant",
		says:   "DESIGN §2: the host chooses the tenant by alias, and so does a device's domain",
		policy: `tenants: [{name: acme, domains: [a.example, A2.example.]}, {name: other}]`,
		devices: `
1001@a.example idle
1002@a2.example ringing
1003@else.example busy
`,
		lamps: `
acme|1001 idle
acme|1002 ringing
else.example|1003 busy
acme|1003 unknown
`,
	},
	{
		name:    "learning off",
		says:    "DESIGN §2: learn: false turns it off",
		policy:  `tenants: [{name: t, learn: false, lines: [{number: 1002}]}]`,
		devices: "PJSIP/1001 busy\nPJSIP/1002 busy",
		lamps:   "1001 unknown\n1002 busy",
	},
	{
		name:    "several numbers",
		says:    "DESIGN §2: a line may have several numbers; a Yealink that watches 13106341777 sees PJSIP/1001",
		policy:  `tenants: [{name: t, country_code: 1, lines: [{number: 1001, aliases: [+1 310 634 1777]}]}]`,
		devices: "PJSIP/1001 busy\nPJSIP/3106341777 ringing",
		lamps:   "1001 busy\n13106341777 unknown",
	},
	{
		name:   "listed devices only",
		says:   "ours: a line that lists devices is made of these",
		policy: `tenants: [{name: t, lines: [{number: 1001, devices: [PJSIP/alice]}]}]`,
		devices: `
PJSIP/1001 busy
PJSIP/alice idle
`,
		lamps: `
1001 idle
alice idle
`,
	},
	{
		name: "restricted devices do not leak",
		says: "ours: the device of a restricted line is no line of its own number",
		policy: `
tenants:
  - name: t
    presence_groups: [{name: Board}]
    lines: [{number: 2000, presence_group: Board, devices: [PJSIP/ceo]}]
`,
		devices: "PJSIP/ceo busy",
		lamps:   "2000 busy\nceo unknown",
	},
	{
		name: "shared line: busy if any is", policy: shared,
		says:    "DESIGN §2: busy if any device is in a call",
		devices: "PJSIP/1001 idle\nPJSIP/1002 busy b>confirmed",
		lamps:   "5000 busy b\n1001 idle\n1002 busy b",
	},
	{
		name: "shared line: else ringing", policy: shared,
		says:    "DESIGN §2: else ringing if any rings",
		devices: "PJSIP/1001 unknown\nPJSIP/1002 ringing b<early",
		lamps:   "5000 ringing b",
	},
	{
		name: "shared line: busy before ringing", policy: shared,
		says:    "DESIGN §2: busy wins over ringing",
		devices: "PJSIP/1001 ringing a<early\nPJSIP/1002 busy b>confirmed",
		lamps:   "5000 busy b,a",
	},
	{
		name: "shared line: idle if one is reachable", policy: shared,
		says:    "DESIGN §2: unknown only if all are unknown",
		devices: "PJSIP/1001 unknown\nPJSIP/1002 idle",
		lamps:   "5000 idle",
	},
	{
		name: "shared line: unknown", policy: shared,
		says:    "DESIGN §2: unknown only if all are unknown",
		devices: "PJSIP/1001 unknown\nPJSIP/1002 unknown",
		lamps:   "5000 unknown",
	},
	{
		name:    "ring in use: ringing wins",
		says:    "DESIGN §2: ring_in_use: ringing lets ringing win, on one device and on several",
		policy:  `tenants: [{name: t, lines: [{number: 5000, ring_in_use: ringing, devices: [PJSIP/1, PJSIP/2]}, {number: 1, ring_in_use: ringing}]}]`,
		devices: "PJSIP/1 busy a>confirmed b<early\nPJSIP/2 busy c>held",
		lamps:   "5000 ringing b,a,c\n1 ringing b,a\n2 busy c",
	},
	{
		name:    "ringing device of a busy state",
		says:    "PBX: Asterisk with device_state_busy_at=1 reports a ringing phone as busy; the calls know better",
		devices: "PJSIP/1 busy a<early",
		lamps:   "1 ringing a",
	},
	{
		name:    "a phone that has not rung yet",
		says:    "device.StateOfCalls: a call that does not ring yet leaves the device as it was",
		devices: "PJSIP/1 idle a<trying",
		lamps:   "1 idle a",
	},
	{
		name:    "ring in as idle",
		says:    "CUCM, BLF Presence Interactions: SCCP and SIP phones that ring in are reported idle",
		policy:  `tenants: [{name: t, line_classes: [{name: sccp, ring_in_as: idle, ring_in_use: ringing}], lines: [{number: 1, class: sccp}, {number: 2, class: sccp}, {number: 3, class: sccp}]}]`,
		devices: "PJSIP/1 ringing a<early\nPJSIP/2 busy b<early c<confirmed\nPJSIP/3 ringing",
		lamps:   "1 idle\n2 busy c\n3 idle",
	},
	{
		name:    "ring in as busy",
		says:    "CME, Presence Service: the line is in use while it rings; CUCM: H.323 phones likewise",
		policy:  `tenants: [{name: t, lines: [{number: 1, ring_in_as: busy}, {number: 2, ring_in_as: busy}]}]`,
		devices: "PJSIP/1 ringing a<early\nPJSIP/2 ringing",
		lamps:   "1 busy\n2 busy",
	},
	{
		name:    "unregistered as idle",
		says:    "CUCM, BLF Presence Interactions: an H.323 phone that is not connected is reported idle; never one whose PBX is gone",
		policy:  `tenants: [{name: t, lines: [{number: 1, unregistered_as: idle}, {number: 2, unregistered_as: idle}, {number: 3, unregistered_as: idle}, {number: 4}]}]`,
		devices: "PJSIP/1 unknown\nPJSIP/2 busy lost a>confirmed\nPJSIP/4 unknown",
		lamps:   "1 idle\n2 unknown\n3 unknown\n4 unknown",
	},
	{
		name:   "off-hook as idle",
		says:   "CUCM, Presence Feature Interactions: phones that do not detect off-hook are not on the phone until connected",
		policy: `tenants: [{name: t, lines: [{number: 1, offhook_as: idle}, {number: 2, offhook_as: idle}, {number: 3}]}]`,
		devices: `
PJSIP/1 busy a>early
PJSIP/2 busy b>proceeding c>confirmed
PJSIP/3 busy d>trying
`,
		lamps: "1 idle\n2 busy c\n3 busy d",
	},
	{
		name:    "order of calls",
		says:    "RFC 4235 §3.7.2: confirmed, early, proceeding, trying; equals by their beginning; ended ones are not there",
		policy:  shared,
		devices: "PJSIP/1001 busy a>trying b>proceeding c>early d>held e>confirmed f<terminated\nPJSIP/1002 busy g>confirmed h>trying",
		lamps:   "5000 busy g,e,d,c,b,a,h",
	},
	{
		name:   "special devices",
		says:   "device.Special: watched by its name, and by number if a line lists it; CME, BLF Monitoring of Ephone-DNs: a park slot is in use while a call is parked",
		policy: `tenants: [{name: t, lines: [{number: 701, devices: ["park:701@parkedcalls"]}]}]`,
		devices: `
park:701@parkedcalls busy
park:702@parkedcalls idle
`,
		lamps: `
701 busy
park:702@parkedcalls idle
park:701@parkedcalls unknown
`,
	},
	{
		name:    "special devices of a domain",
		says:    "FIELD §4: FreeSWITCH's park+ URIs; the host of the URI is the tenant, not part of the name",
		policy:  `tenants: [{name: acme, domains: [a.example], lines: [{number: 5901, devices: [park+5901@a.example]}]}, {name: other}]`,
		devices: "park:5900@a.example busy\npark:5901@a.example busy",
		lamps:   "acme|park:5900 busy\nacme|5901 busy",
	},
	{
		name:    "DND: flag of the line's own number",
		says:    "FIELD §2.13: DND is a flag beside the state, from the PBX's flag for the number",
		devices: "PJSIP/1001 idle\nPJSIP/1002 busy a>confirmed\nPJSIP/1003 unknown\nPJSIP/1004 idle\nflag:1001 on\nflag:1002 on\nflag:1003 on\nflag:1004 off",
		lamps:   "1001 idle dnd\n1002 busy dnd a\n1003 unknown dnd\n1004 idle",
	},
	{
		name:    "DND: listed flag",
		says:    "ours: dnd_devices name flags of a line",
		policy:  `tenants: [{name: t, lines: [{number: 7, devices: [PJSIP/x], dnd_devices: [Custom:DND99]}]}]`,
		devices: "PJSIP/x idle\nflag:99 on",
		lamps:   "7 idle dnd",
	},
	{
		name:    "DND: all sharing phones",
		says:    "CME: a shared directory number shows DND if all associated phones are DND-enabled",
		policy:  shared,
		devices: "PJSIP/1001 idle\nPJSIP/1002 idle dnd\nflag:1001 on",
		lamps:   "5000 idle dnd\n1001 idle dnd\n1002 idle dnd",
	},
	{
		name:    "DND: not all sharing phones",
		says:    "CME: a shared directory number shows DND only if all associated phones are DND-enabled",
		policy:  shared,
		devices: "PJSIP/1001 idle\nPJSIP/1002 idle\nflag:1001 on",
		lamps:   "5000 idle\n1001 idle dnd",
	},
	{
		name: "DND: primary of one phone",
		says: "CME: the primary directory number on only one phone shows that phone's DND, though it is shared",
		policy: `
tenants:
  - name: t
    lines: [{number: 1001}, {number: 1002}]
    phones:
      - {name: A, device: PJSIP/1001, lines: [1001]}
      - {name: B, device: PJSIP/1002, lines: [1002, 1001]}
`,
		devices: "PJSIP/1001 idle dnd\nPJSIP/1002 idle",
		lamps:   "1001 idle dnd\n1002 idle",
	},
	{
		name: "DND: the other phone of a shared line",
		says: "CME: a phone that has the line as a further one does not decide",
		policy: `
tenants:
  - name: t
    phones:
      - {name: A, device: PJSIP/1001, lines: [1001]}
      - {name: B, device: PJSIP/1002, lines: [1002, 1001]}
`,
		devices: "PJSIP/1001 idle\nPJSIP/1002 idle dnd",
		lamps:   "1001 idle\n1002 idle dnd",
	},
	{
		name: "DND: primary of two phones",
		says: "CME: primary on two phones is not 'only one': all must be in DND",
		policy: `
tenants:
  - name: t
    lines: [{number: 1, devices: [PJSIP/a, PJSIP/b]}, {number: 2, devices: [PJSIP/a, PJSIP/b]}]
    phones:
      - {name: A, device: PJSIP/a, lines: [1, 2]}
      - {name: B, device: PJSIP/b, lines: [1, 2]}
`,
		devices: "PJSIP/a idle dnd\nPJSIP/b idle",
		lamps:   "1 idle\n2 idle",
	},
	{
		name: "DND: all lines of a phone",
		says: "CME: DND goes for all directory numbers of the phone, also by the flag of its primary number",
		policy: `
tenants:
  - name: t
    phones:
      - {name: A, lines: [1001, 6000]}
      - {name: B, device: PJSIP/1002, lines: [1002, 6001]}
`,
		devices: "PJSIP/1001 idle\nPJSIP/6000 idle\nPJSIP/1002 idle dnd\nPJSIP/6001 idle\nflag:1001 on",
		lamps:   "1001 idle dnd\n6000 idle dnd\n1002 idle dnd\n6001 idle dnd",
	},
	{
		name: "DND: devices of a phone without any listed",
		says: "ours: a phone without devices stands for those of its primary line",
		policy: `
tenants:
  - name: t
    phones:
      - {name: A, lines: [1001, 6000]}
`,
		devices: "PJSIP/1001 idle dnd\nPJSIP/6000 idle",
		lamps:   "1001 idle dnd\n6000 idle dnd",
	},
	{
		name: "device-based monitoring",
		says: "CME, Device-Based BLF Monitoring: the phone whose primary line it is, of several the lowest tag; a shared line busy elsewhere leaves it idle",
		policy: `
tenants:
  - name: t
    lines: [{number: 5000, devices: [PJSIP/a, PJSIP/b]}]
    phones:
      - {name: A, device: PJSIP/a, lines: [5000, 5001]}
      - {name: B, device: PJSIP/b, lines: [5000]}
`,
		devices: "PJSIP/a idle\nPJSIP/b busy x>confirmed dnd",
		lamps:   "5000 busy x\nphone/5000 idle\nphone/5001 unknown",
	},
	{
		name: "device-based monitoring of any line of the phone",
		says: "CME: a phone that is busy on another of its lines is busy, and its DND shows",
		policy: `
tenants:
  - name: t
    phones: [{name: A, devices: [PJSIP/1001, PJSIP/1001-2], lines: [1001, 1002]}]
`,
		devices: "PJSIP/1001 idle\nPJSIP/1001-2 busy x>confirmed\nflag:1001 on",
		lamps:   "phone/1001 busy dnd x",
	},
	{
		name:    "device-based monitoring without a phone",
		says:    "ours: where the document has no phone, the line's own lamp",
		devices: "PJSIP/1001 ringing a<early",
		lamps:   "phone/1001 ringing a",
	},
	{
		name: "overlapping numbers",
		says: "CUCM, BLF Presence Restrictions: the same extension in different partitions are different lines",
		policy: `
tenants:
  - name: t
    partitions: [{name: internal}, {name: external}]
    lines:
      - {number: 1234, partition: internal, devices: [PJSIP/i]}
      - {number: 1234, partition: external, devices: [PJSIP/e]}
`,
		devices: "PJSIP/i busy\nPJSIP/e idle\nPJSIP/1234 ringing",
		lamps:   "1234@internal busy\n1234@external idle\n1234 unknown",
	},
	{
		name:    "a device that another tenant lists",
		says:    "ours: on a PBX without domains listing it by name is what counts",
		policy:  `tenants: [{name: default}, {name: acme, lines: [{number: 1001, devices: [PJSIP/acme-1001]}]}]`,
		devices: "PJSIP/acme-1001 busy\nPJSIP/1001 idle",
		lamps:   "acme|1001 busy\ndefault|1001 idle\ndefault|acme-1001 unknown",
	},
}
