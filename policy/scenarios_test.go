package policy

// workersAndManagers is the example of the CUCM document.
const workersAndManagers = `
default_inter_presence_group_subscription: disallow
tenants:
  - name: t
    presence_groups: [{name: Workers}, {name: Managers}]
    permissions:
      - {from: Managers, to: Workers, subscribe: allow}
    lines:
      - {number: 1001, presence_group: Workers}
      - {number: 2001, presence_group: Managers}
    phones:
      - {name: WORKER, lines: [1001], presence_group: Workers}
      - {name: MANAGER, lines: [2001], presence_group: Managers}
`

var scenarios = []scenario{
	{
		name: "same group",
		says: "CUCM, Understanding Presence Groups: within one group requests are always allowed",
		policy: `
default_inter_presence_group_subscription: disallow
tenants:
  - name: t
    presence_groups: [{name: Sales}]
    lines:
      - {number: 1001}
      - {number: 1002, presence_group: Sales}
    phones:
      - {name: A, lines: [1001]}
      - {name: B, lines: [1002], presence_group: Sales}
`,
		asks: `
phone:A  1001  allowed  number  pickup  group  same group "Standard"
phone:B  1002  allowed  number  pickup  group  same group "Sales"
phone:A  1002  refused  none    -       group  default inter-presence-group subscription: disallow
phone:B  1001  refused  none    -       group  default inter-presence-group subscription: disallow
`,
	},
	{
		name:   "zero configuration",
		says:   "CUCM, Understanding Presence Authorization: who leaves everybody in the default group needs to configure nothing more",
		policy: `tenants: [{name: t}]`,
		asks: `
stranger  1001?  allowed     number  pickup  group    same group "Standard"
public    1001?  challenged  none    -       watcher  credentials needed: not from a trusted network
stranger  1001   not_found   none    -       target   not found: not in partition <None>, and no calling search space
`,
	},
	{
		name:   "workers and managers",
		says:   "CUCM, Example Configuring Presence Group Permissions: B may monitor A without A monitoring B",
		policy: workersAndManagers,
		asks: `
phone:MANAGER  1001  allowed  number  pickup  group  permission "Managers"→"Workers": allow
phone:WORKER   2001  refused  none    -       group  default inter-presence-group subscription: disallow
`,
	},
	{
		name: "system default",
		says: "CUCM, Table 20-3: use system default takes the clusterwide parameter, disallow blocks whatever that says",
		policy: `
default_inter_presence_group_subscription: allow
tenants:
  - name: t
    presence_groups: [{name: A}, {name: B}, {name: C}]
    permissions:
      - {from: A, to: B, subscribe: disallow}
      - {from: A, to: C, subscribe: system_default, view: ringing}
    lines: [{number: 1, presence_group: A}, {number: 2, presence_group: B}, {number: 3, presence_group: C}]
    phones: [{name: PA, presence_group: A}, {name: PB, presence_group: B}]
`,
		asks: `
phone:PA  2  refused  none     -       group  permission "A"→"B": disallow
phone:PB  1  allowed  number   pickup  group  default inter-presence-group subscription: allow
phone:PA  3  allowed  ringing  pickup  group  default inter-presence-group subscription: allow
`,
	},
	{
		name: "BLF/SpeedDial button",
		says: "CUCM, A Phone Wants Status About a Directory Number Assigned to BLF/SpeedDial: group authorization is not invoked",
		policy: `
default_inter_presence_group_subscription: disallow
tenants:
  - name: t
    country_code: 1
    domains: [pbx.test]
    presence_groups: [{name: Executive}]
    permissions: [{from: Standard, to: Executive, subscribe: disallow}]
    lines:
      - {number: 1111, presence_group: Executive, aliases: [13106341777]}
      - {number: 2222, presence_group: Executive}
      - {number: 3333, presence_group: Executive}
    phones:
      - name: SEP-A
        blf_buttons:
          - {number: 1111, label: Boss}
          - {uri: "sip:3333@pbx.test"}
          - {uri: xten3@CompB.example}
          - {number: 1111, label: again}
      - name: SEP-B
        blf_buttons: [{number: +1 (310) 634-1777}]
      - name: SEP-C
`,
		asks: `
phone:SEP-A  1111         allowed  number  pickup  button  button 1 of phone SEP-A
phone:SEP-A  3106341777   allowed  number  pickup  button  button 1 of phone SEP-A
phone:SEP-A  *891111      allowed  number  pickup  button  button 1 of phone SEP-A
phone:SEP-A  3333         allowed  number  pickup  button  button 2 of phone SEP-A
phone:SEP-A  2222         refused  none    -       group   permission "Standard"→"Executive": disallow
phone:SEP-B  1111         allowed  number  pickup  button  button 1 of phone SEP-B
phone:SEP-C  1111         refused  none    -       group   permission "Standard"→"Executive": disallow
`,
	},
	{
		name: "call lists",
		says: "CUCM, A Phone Wants Status About a Directory Number in a Call List: groups apply there; CME, presence call-list: per phone or for all",
		policy: `
blf_for_call_lists: off
default_inter_presence_group_subscription: disallow
tenants:
  - name: t
    presence_groups: [{name: User}, {name: Executive}]
    lines: [{number: 1111, presence_group: Executive}, {number: 1112, presence_group: User}]
    phones:
      - {name: ON,  presence_group: User, blf_call_lists: on,      blf_buttons: [{number: 9}]}
      - {name: OFF, presence_group: User, blf_call_lists: off,     blf_buttons: [{number: 9}]}
      - {name: DEF, presence_group: User, blf_call_lists: default, blf_buttons: [{number: 9}]}
      - {name: NOBUTTONS, presence_group: User, blf_call_lists: off}
`,
		asks: `
phone:ON         1111  refused  none    -       group      default inter-presence-group subscription: disallow
phone:ON         1112  allowed  number  pickup  group      same group "User"
phone:OFF        1112  refused  none    -       call_list  phone OFF: BLF for call lists off
phone:DEF        1112  refused  none    -       call_list  BLF for call lists: off
phone:NOBUTTONS  1112  allowed  number  pickup  group      same group "User"
`,
	},
	{
		name: "allow watch",
		says: "CME, Presence Service: the indicator is unknown if the line is not allowed to be watched; the line has priority over its template",
		policy: `
tenants:
  - name: t
    line_classes: [{name: secret, allow_watch: false}]
    lines:
      - {number: 1001, allow_watch: false}
      - {number: 1002, class: secret}
      - {number: 1003, class: secret, allow_watch: true}
      - {number: 701, devices: ["park:701@parkedcalls"], allow_watch: false}
    phones: [{name: A, blf_buttons: [{number: 1001}]}]
`,
		asks: `
stranger  1001   allowed  none    -       allow_watch  line 1001: allow watch off
phone:A   1001   allowed  none    -       allow_watch  line 1001: allow watch off
stranger  1002   allowed  none    -       allow_watch  line 1002: allow watch off
stranger  1003   allowed  number  pickup  group        same group "Standard"
stranger  park%3A701%40parkedcalls?  allowed  none  -  allow_watch  line 701: allow watch off
`,
	},
	{
		name: "allow watch refused",
		says: "ours: allow_watch_off_as: refuse answers 403 instead",
		policy: `
allow_watch_off_as: refuse
tenants: [{name: t, lines: [{number: 1001, allow_watch: false}]}]
`,
		asks: `stranger  1001  refused  none  -  allow_watch  line 1001: allow watch off`,
	},
	{
		name: "calling search space",
		says: "CUCM, BLF Presence Restrictions: of overlapping numbers the partition listed first in the SUBSCRIBE CSS lights the button",
		policy: `
default_inter_presence_group_subscription: disallow
tenants:
  - name: t
    presence_groups: [{name: In}, {name: Out}]
    partitions: [{name: internal}, {name: external}]
    calling_search_spaces:
      - {name: in-first, partitions: [internal, external]}
      - {name: out-first, partitions: [external, internal]}
      - {name: none-first, partitions: [<None>, internal]}
    lines:
      - {number: 1234, partition: internal, presence_group: In}
      - {number: 1234, partition: external, presence_group: Out}
      - {number: 5678}
      - {number: 5678, partition: internal, presence_group: Out}
      - {number: 9999, partition: internal, presence_group: In}
    phones:
      - {name: IN, subscribe_calling_search_space: in-first, presence_group: In}
      - {name: OUT, subscribe_calling_search_space: out-first, presence_group: Out}
      - {name: NONE, subscribe_calling_search_space: none-first}
      - {name: NOCSS, presence_group: In}
`,
		asks: `
phone:IN     1234   allowed    number  pickup  group   same group "In"
phone:OUT    1234   allowed    number  pickup  group   same group "Out"
phone:NOCSS  1234   not_found  none    -       target  not found: not in partition <None>, and no calling search space
phone:NOCSS  1234?  not_found  none    -       target  not found: not in partition <None>, and no calling search space
phone:NONE   5678   allowed    number  pickup  group   same group "Standard"
phone:OUT    5678   allowed    number  pickup  group   same group "Out"
phone:IN     4321   not_found  none    -       target  not found: in no partition of calling search space "in-first"
phone:OUT    9999   refused    none    -       group   default inter-presence-group subscription: disallow
phone:IN     4321?  refused    none    -       group   default inter-presence-group subscription: disallow
`,
	},
	{
		name: "view and pickup",
		says: "ours, DESIGN §3 step 7: how much is seen and whether calls may be picked up, per group pair, also within a group",
		policy: `
default_inter_presence_group_subscription: disallow
tenants:
  - name: t
    presence_groups: [{name: Desk}, {name: Board}, {name: Security}]
    permissions:
      - {from: Desk, to: Board, subscribe: allow, view: state, pickup: false}
      - {from: Desk, to: Desk, view: name, pickup: false}
      - {from: Security, to: Board, subscribe: disallow, pickup: true}
      - {from: Security, to: Desk, subscribe: allow, view: none}
    lines: [{number: 1, presence_group: Board}, {number: 2, presence_group: Desk}]
    phones: [{name: D, presence_group: Desk}, {name: S, presence_group: Security}]
`,
		asks: `
phone:D  1  allowed  state  -       group  permission "Desk"→"Board": allow
phone:D  2  allowed  name   -       group  same group "Desk"
phone:S  1  refused  none   pickup  group  permission "Security"→"Board": disallow
phone:S  2  allowed  none   pickup  group  permission "Security"→"Desk": allow
`,
	},
	{
		name: "who asks",
		says: "DESIGN §3 step 1: phones and end users by digest, registration or trusted network; CUCM, Table 20-1: end users watch for directories",
		policy: `
default_inter_presence_group_subscription: disallow
unknown_watchers: {as: challenge, others: refuse}
tenants:
  - name: t
    presence_groups: [{name: Sales}]
    lines: [{number: 1, presence_group: Sales}]
    phones: [{name: P, presence_group: Sales}]
    end_users: [{user_id: alice, presence_group: Sales}, {user_id: bob}]
`,
		asks: `
phone:P     1  allowed     number  pickup  group    same group "Sales"
!phone:P    1  challenged  none    -       watcher  credentials needed: not from a trusted network
user:alice  1  allowed     number  pickup  group    same group "Sales"
!user:alice 1  challenged  none    -       watcher  credentials needed: not from a trusted network
user:bob    1  refused     none    -       group    default inter-presence-group subscription: disallow
phone:GONE  1  challenged  none    -       watcher  credentials needed: watcher is not in the document
stranger    1  challenged  none    -       watcher  unknown_watchers as: challenge
public      1  refused     none    -       watcher  unknown_watchers others: refuse
trunk:X     1  refused     none    -       watcher  trunk is not in the document
stranger@x  1  not_found   none    -       watcher  no such tenant
`,
	},
	{
		name: "unknown watchers refused",
		says: "ours: unknown_watchers as: refuse serves provisioned phones only",
		policy: `
unknown_watchers: {as: refuse}
tenants: [{name: t, phones: [{name: P}]}]
`,
		asks: `
stranger  1?  refused  none    -       watcher  unknown_watchers as: refuse
phone:P   1?  allowed  number  pickup  group    same group "Standard"
`,
	},
	{
		name: "unknown watchers in a group",
		says: "ours: unknown watchers count as a group of their own",
		policy: `
default_inter_presence_group_subscription: disallow
unknown_watchers: {as: Guests}
tenants:
  - name: t
    presence_groups: [{name: Guests}]
    permissions: [{from: Guests, to: Standard, subscribe: allow, view: state}]
`,
		asks: `stranger  1?  allowed  state  pickup  group  permission "Guests"→"Standard": allow`,
	},
	{
		name: "tenants apart",
		says: "DESIGN §3 step 2: a target in another tenant does not exist, unless a permission across tenants says so",
		policy: `
tenants:
  - name: t
    presence_groups: [{name: Sales}]
    lines: [{number: 1001}]
    phones:
      - {name: A}
      - {name: S, presence_group: Sales}
  - name: u
    learn: false
    presence_groups: [{name: Front}]
    lines:
      - {number: 1001}
      - {number: 2001, presence_group: Front}
    phones: [{name: A}]
  - name: v
    lines: [{number: 1001}]
cross_tenant_permissions:
  - {from: {tenant: t, presence_group: Sales}, to: {tenant: u, presence_group: Front}, view: ringing}
`,
		asks: `
phone:A    1001    allowed    number   pickup  group   same group "Standard"
phone:A    1001@u  not_found  none     -       target  not found: tenants are apart, and no cross-tenant permission
phone:A    2001@u  not_found  none     -       target  not found: tenants are apart, and no cross-tenant permission
phone:S    2001@u  allowed    ringing  -       group   cross-tenant permission "Sales" of "t"→"Front" of "u": allow
phone:S    1001@u  not_found  none     -       target  not found: tenants are apart, and no cross-tenant permission
phone:A@u  2001@t  not_found  none     -       target  not found: tenants are apart, and no cross-tenant permission
phone:A@u  3001@u? not_found  none     -       target  not found: not in partition <None>, and no calling search space
phone:S    1001@v  not_found  none     -       target  not found: tenants are apart, and no cross-tenant permission
phone:S    1001@w  not_found  none     -       target  not found: tenants are apart, and no cross-tenant permission
`,
	},
}
