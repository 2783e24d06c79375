package policy

// fact is what the type of a field does not tell.
type fact struct {
	// words are those that the value may be; limits are in words.
	words  []string
	limits string
	// value is what applies when the key is left out.
	value string
	// cisco is the name that CUCM or CME has for it, and where its range or default differs.
	cisco string
}

const (
	cucmGroup = "CUCM Presence Group"
	cucmCSS   = "CUCM SUBSCRIBE Calling Search Space"
	cucmText  = "CUCM Description"
	isOwn     = "" // nothing at Cisco's
)

func words(w ...string) []string { return w }

func viewWords() (w []string) {
	for _, v := range Views {
		text, _ := v.MarshalText()
		w = append(w, string(text))
	}
	return w
}

// facts are those of every key, by struct and key. The tables of cisco.md tell more.
var facts = map[string]fact{
	"Document.default_inter_presence_group_subscription": {words: words("allow", "disallow"), value: "disallow", cisco: "CUCM Default Inter-Presence Group Subscription"},
	"Document.blf_for_call_lists":                        {words: words("on", "off"), value: "on", cisco: "CUCM BLF for Call Lists, CME presence call-list (off there)"},
	"Document.allow_watch_off_as":                        {words: words("unknown", "refuse"), value: "unknown", cisco: isOwn},
	"Document.presence_enable":                           {value: "true", cisco: "CME presence enable (off there)"},
	"Document.refused_as":                                {words: words("refuse", "pretend_idle"), value: "refuse", cisco: isOwn},
	"Document.max_subscriptions":                         {limits: "0 and up", value: "0", cisco: "CME max-subscription: 100 to the platform's directory numbers, 100 by default; wider here"},
	"Document.max_subscriptions_per_watcher":             {limits: "0 and up", value: "0", cisco: isOwn},
	"Document.watcher_all":                               {value: "false", cisco: "CME watcher all"},
	"Document.allow_subscribe":                           {value: "true", cisco: "CME allow subscribe (off there)"},
	"Document.retry_interval":                            {limits: "60 to 3600", value: "60", cisco: "CME sccp blf-speed-dial retry-interval, the same range"},
	"Document.retry_limit":                               {limits: "10 to 100", value: "10", cisco: "CME sccp blf-speed-dial limit, the same range"},
	"Document.default_tenant":                            {cisco: isOwn},
	"Document.learn_domains":                             {value: "true", cisco: isOwn},
	"Document.unknown_watchers":                          {cisco: isOwn},
	"Document.tenants":                                   {cisco: isOwn},
	"Document.cross_tenant_permissions":                  {cisco: isOwn},

	"UnknownWatchers.trusted_networks": {limits: "addresses or prefixes", cisco: isOwn},
	"UnknownWatchers.as":               {limits: "a presence group, refuse or challenge", value: "Standard", cisco: isOwn},
	"UnknownWatchers.others":           {words: words("challenge", "refuse"), value: "challenge", cisco: isOwn},

	"Tenant.name":                     {cisco: isOwn},
	"Tenant.domains":                  {cisco: isOwn},
	"Tenant.country_code":             {limits: "1 to 3 digits", cisco: isOwn},
	"Tenant.international_prefix":     {limits: "digits", value: "00", cisco: isOwn},
	"Tenant.national_prefix":          {limits: "digits, or none", cisco: isOwn},
	"Tenant.national_digits":          {limits: "7 to 14, or 0", cisco: isOwn},
	"Tenant.pickup_code":              {value: DefaultPickupCode, cisco: isOwn},
	"Tenant.login_code":               {cisco: isOwn},
	"Tenant.logout_code":              {cisco: isOwn},
	"Tenant.learn":                    {value: "true", cisco: isOwn},
	"Tenant.presence_groups":          {cisco: "CUCM Presence Groups"},
	"Tenant.permissions":              {cisco: "CUCM Modify Relationship to Other Presence Groups"},
	"Tenant.partitions":               {cisco: "CUCM Partitions"},
	"Tenant.calling_search_spaces":    {cisco: "CUCM Calling Search Spaces"},
	"Tenant.line_classes":             {cisco: "CME ephone-dn-template"},
	"Tenant.lines":                    {cisco: "CUCM Directory Numbers, CME ephone-dn or voice register dn: 1 to max-dn; any number here"},
	"Tenant.phones":                   {cisco: "CUCM Phones, CME ephone or voice register pool"},
	"Tenant.end_users":                {cisco: "CUCM End Users"},
	"Tenant.device_profiles":          {cisco: "CUCM Device Profiles"},
	"Tenant.trunk_security_profiles":  {cisco: "CUCM SIP Trunk Security Profiles"},
	"Tenant.trunks":                   {cisco: "CUCM SIP Trunks"},
	"Tenant.application_users":        {cisco: "CUCM Application Users"},
	"Tenant.route_patterns":           {cisco: "CUCM Route Patterns"},
	"Tenant.sip_route_patterns":       {cisco: "CUCM SIP Route Patterns"},
	"Tenant.route_lists":              {cisco: "CUCM Route Lists"},
	"Tenant.route_groups":             {cisco: "CUCM Route Groups"},
	"Tenant.default_presence_trunk":   {cisco: "CME server"},
	"Tenant.hunt_pilots":              {cisco: "CUCM Hunt Pilots"},
	"Tenant.authenticate_presence":    {value: "false", cisco: "CME authenticate presence"},
	"Tenant.authenticate_credentials": {limits: "at most 5", cisco: "CME authenticate credential, 5 there too"},

	"PresenceGroup.name":        {cisco: "CUCM Name"},
	"PresenceGroup.description": {cisco: cucmText},

	"GroupPermission.from":      {cisco: "CUCM the group that is edited"},
	"GroupPermission.to":        {cisco: "CUCM Modify Relationship to Other Presence Groups"},
	"GroupPermission.subscribe": {words: words("allow", "disallow", "system_default"), value: "system_default", cisco: "CUCM Subscription Permission"},
	"GroupPermission.view":      {words: viewWords(), value: "number", cisco: isOwn},
	"GroupPermission.pickup":    {cisco: isOwn},

	"CrossTenantPermission.from":   {cisco: isOwn},
	"CrossTenantPermission.to":     {cisco: isOwn},
	"CrossTenantPermission.view":   {words: viewWords(), value: "number", cisco: isOwn},
	"CrossTenantPermission.pickup": {value: "false", cisco: isOwn},

	"TenantGroup.tenant":         {cisco: isOwn},
	"TenantGroup.presence_group": {value: StandardGroup, cisco: cucmGroup},

	"Partition.name":        {limits: "without @", cisco: "CUCM Partition"},
	"Partition.description": {cisco: cucmText},

	"CallingSearchSpace.name":        {cisco: "CUCM Name"},
	"CallingSearchSpace.description": {cisco: cucmText},
	"CallingSearchSpace.partitions":  {cisco: "CUCM Selected Partitions"},

	"LineClass.name":        {cisco: "CME ephone-dn-template"},
	"LineClass.description": {cisco: isOwn},

	"LineOptions.allow_watch":     {value: "true", cisco: "CME allow watch (off there)"},
	"LineOptions.ring_in_use":     {words: words("busy", "ringing"), value: "busy", cisco: isOwn},
	"LineOptions.ring_in_as":      {words: words("ringing", "idle", "busy"), value: "ringing", cisco: "CUCM idle, of H.323 phones busy; CME busy"},
	"LineOptions.unregistered_as": {words: words("unknown", "idle"), value: "unknown", cisco: "CUCM unknown, of H.323 phones idle; CME unknown"},
	"LineOptions.offhook_as":      {words: words("busy", "idle"), value: "busy", cisco: "CUCM busy, of phones that do not detect off-hook idle"},
	"LineOptions.pickup":          {cisco: isOwn},

	"DirectoryNumber.number":         {limits: "any length", cisco: "CUCM Directory Number, CME number: up to 16 characters; wider here"},
	"DirectoryNumber.partition":      {value: NonePartition, cisco: "CUCM Route Partition"},
	"DirectoryNumber.aliases":        {cisco: isOwn},
	"DirectoryNumber.description":    {cisco: cucmText},
	"DirectoryNumber.display_name":   {cisco: "CUCM Display, CME name"},
	"DirectoryNumber.presence_group": {value: StandardGroup, cisco: cucmGroup},
	"DirectoryNumber.class":          {cisco: "CME ephone-dn-template"},
	"DirectoryNumber.devices":        {cisco: isOwn},
	"DirectoryNumber.dnd_devices":    {cisco: isOwn},

	"Phone.name":                           {cisco: "CUCM Device Name"},
	"Phone.description":                    {cisco: cucmText},
	"Phone.device":                         {cisco: isOwn},
	"Phone.devices":                        {cisco: isOwn},
	"Phone.lines":                          {limits: "any number", cisco: "CUCM Line, CME button, or number with the tags 1 to 10 of a SIP phone; wider here"},
	"Phone.presence_group":                 {value: StandardGroup, cisco: cucmGroup},
	"Phone.subscribe_calling_search_space": {cisco: cucmCSS},
	"Phone.owner":                          {cisco: "CUCM Owner User ID"},
	"Phone.extension_mobility":             {value: "false", cisco: "CUCM Enable Extension Mobility"},
	"Phone.logout_profile":                 {cisco: "CUCM Log Out Profile"},
	"Phone.digest":                         {cisco: "CUCM Digest User"},
	"Phone.blf_buttons":                    {limits: "any number", cisco: "CUCM BLF/SpeedDial, CME blf-speed-dial: tags 1 to 33 on SCCP and 1 to 7 on SIP phones; wider here"},
	"Phone.blf_call_lists":                 {words: words("on", "off", "default"), value: "default", cisco: "CME presence call-list of the phone"},

	"EndUser.user_id":                        {cisco: "CUCM User ID"},
	"EndUser.display_name":                   {cisco: isOwn},
	"EndUser.presence_group":                 {value: StandardGroup, cisco: cucmGroup},
	"EndUser.subscribe_calling_search_space": {cisco: cucmCSS},
	"EndUser.digest":                         {cisco: "CUCM Digest Credentials"},
	"EndUser.device_profiles":                {cisco: "CUCM Controlled Device Profiles"},
	"EndUser.pin":                            {limits: "4 to 20 digits", cisco: "CUCM PIN"},

	"Digest.username":   {cisco: "CUCM User ID"},
	"Digest.password":   {cisco: "CUCM Digest Credentials"},
	"Digest.ha1":        {limits: "32 hexadecimal digits", cisco: isOwn},
	"Digest.ha1_sha256": {limits: "64 hexadecimal digits", cisco: isOwn},

	"TrunkSecurityProfile.name":                            {cisco: "CUCM Name"},
	"TrunkSecurityProfile.description":                     {cisco: cucmText},
	"TrunkSecurityProfile.accept_presence_subscription":    {value: "false", cisco: "CUCM Accept Presence Subscription"},
	"TrunkSecurityProfile.digest":                          {value: "false", cisco: "CUCM Enable Digest Authentication"},
	"TrunkSecurityProfile.application_level_authorization": {value: "false", cisco: "CUCM Enable Application Level Authorization"},
	"TrunkSecurityProfile.x509_subject_names":              {cisco: "CUCM X.509 Subject Name"},

	"Trunk.name":                           {cisco: "CUCM Device Name"},
	"Trunk.description":                    {cisco: cucmText},
	"Trunk.protocol":                       {words: words(ProtocolSIP, ProtocolH323, ProtocolMGCP), value: ProtocolSIP, cisco: "CUCM Device Protocol"},
	"Trunk.addresses":                      {limits: "addresses, with a port, or prefixes", cisco: "CUCM Destination Address"},
	"Trunk.destinations":                   {limits: "HOST[:PORT][;transport=udp, tcp or tls]", cisco: "CUCM Destination Address, CME server"},
	"Trunk.security_profile":               {cisco: "CUCM SIP Trunk Security Profile"},
	"Trunk.presence_group":                 {value: StandardGroup, cisco: cucmGroup},
	"Trunk.subscribe_calling_search_space": {cisco: cucmCSS},
	"Trunk.digest":                         {cisco: isOwn},
	"Trunk.outbound_digest":                {cisco: "CUCM SIP Realm"},

	"ApplicationUser.user_id":                      {cisco: "CUCM User ID"},
	"ApplicationUser.description":                  {cisco: isOwn},
	"ApplicationUser.accept_presence_subscription": {value: "false", cisco: "CUCM Accept Presence Subscription"},
	"ApplicationUser.presence_group":               {cisco: cucmGroup + ", none at first there too"},
	"ApplicationUser.digest":                       {cisco: "CUCM Digest Credentials"},

	"CredentialFile.tag":      {limits: "1 to 5", cisco: "CME authenticate credential: tag"},
	"CredentialFile.location": {limits: "a file, or an http or https URL", cisco: "CME authenticate credential: location (TFTP there too)"},

	"RoutePattern.pattern":        {cisco: "CUCM Route Pattern"},
	"RoutePattern.partition":      {value: NonePartition, cisco: "CUCM Route Partition"},
	"RoutePattern.description":    {cisco: cucmText},
	"RoutePattern.trunk":          {cisco: "CUCM Gateway/Route List"},
	"RoutePattern.route_list":     {cisco: "CUCM Gateway/Route List"},
	"RoutePattern.discard_predot": {value: "false", cisco: "CUCM Discard Digits: PreDot"},
	"RoutePattern.prefix_digits":  {cisco: "CUCM Prefix Digits"},

	"SIPRoutePattern.pattern":     {cisco: "CUCM Pattern"},
	"SIPRoutePattern.partition":   {value: NonePartition, cisco: "CUCM Route Partition"},
	"SIPRoutePattern.description": {cisco: cucmText},
	"SIPRoutePattern.trunk":       {cisco: "CUCM SIP Trunk"},
	"SIPRoutePattern.route_list":  {cisco: "CUCM Route List"},

	"RouteList.name":         {cisco: "CUCM Name"},
	"RouteList.description":  {cisco: cucmText},
	"RouteList.route_groups": {cisco: "CUCM Selected Groups"},

	"RouteGroup.name":        {cisco: "CUCM Route Group Name"},
	"RouteGroup.description": {cisco: isOwn},
	"RouteGroup.trunks":      {cisco: "CUCM Selected Devices"},

	"HuntPilot.number":      {cisco: "CUCM Hunt Pilot"},
	"HuntPilot.partition":   {value: NonePartition, cisco: "CUCM Route Partition"},
	"HuntPilot.description": {cisco: cucmText},
	"HuntPilot.members":     {cisco: "CUCM Line Group members"},

	"DeviceProfile.name":                           {cisco: "CUCM Device Profile Name"},
	"DeviceProfile.description":                    {cisco: cucmText},
	"DeviceProfile.autogenerated":                  {value: "false", cisco: "CUCM Autogenerated Device Profile"},
	"DeviceProfile.presence_group":                 {value: StandardGroup, cisco: cucmGroup},
	"DeviceProfile.subscribe_calling_search_space": {cisco: cucmCSS},
	"DeviceProfile.lines":                          {limits: "any number", cisco: "CUCM Line"},
	"DeviceProfile.blf_buttons":                    {limits: "any number", cisco: "CUCM BLF/SpeedDial"},

	"BLFButton.number":      {cisco: "CUCM Directory Number"},
	"BLFButton.partition":   {cisco: "CUCM Directory Number: its partition"},
	"BLFButton.destination": {limits: "0-9, * and #, or a SIP URI", cisco: "CUCM Destination, CME blf-speed-dial: number"},
	"BLFButton.uri":         {cisco: "CUCM Destination"},
	"BLFButton.label":       {limits: "at most 30 characters", cisco: "CUCM Label, CME label, 30 there too"},
	"BLFButton.label_ascii": {limits: "at most 30 ASCII characters", cisco: "CUCM ASCII Label"},
	"BLFButton.device":      {value: "false", cisco: "CME blf-speed-dial: device"},
}
