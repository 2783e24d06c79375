package config

import (
	"time"
)

// The comment of each field is its text in the generated reference.

// Config is the configuration of `blfbridge serve`. It holds what belongs to this
// process and its host; who may watch whom is the policy's.
type Config struct {
	SIP      SIP      `yaml:"sip"`
	PBX      []PBX    `yaml:"pbx"`
	Edge     Edge     `yaml:"edge"`
	Store    Store    `yaml:"store"`
	Replicas Replicas `yaml:"replicas"`
	Policy   Policy   `yaml:"policy"`
	Pickup   Pickup   `yaml:"pickup"`
	Admin    Admin    `yaml:"admin"`
	Log      Log      `yaml:"log"`

	source *source
}

// SIP is the side of the phones.
type SIP struct {
	// Sockets that SUBSCRIBEs are taken on: udp, tcp, tls, ws or wss, then
	// ://address:port. Without a port it is 5060, of tls 5061, of ws 80 and of wss 443.
	// 0.0.0.0 and [::] stand for every address of the host. A PBX on the same host has
	// port 5060 already: take another.
	Listen []string `yaml:"listen"`
	// Host or host:port that phones reach the bridge by, for Via and Contact, where it is
	// not the socket's own address (NAT, containers). Empty: the socket's own.
	Advertise string `yaml:"advertise"`
	// Digest realm of challenges.
	Realm string `yaml:"realm"`
	// Shortest subscription; a shorter one gets 423 with Min-Expires (RFC 6665 §4.2.1.1).
	// At most 1h.
	MinExpires time.Duration `yaml:"min_expires"`
	// Longest subscription; a longer one is shortened.
	MaxExpires time.Duration `yaml:"max_expires"`
	// Duration of a subscription whose SUBSCRIBE has no Expires.
	DefaultExpires time.Duration `yaml:"default_expires"`
	// How many subscriptions may stand at once; above it 503 with Retry-After.
	MaxSubscriptions int `yaml:"max_subscriptions"`
	// Where NOTIFYs go: auto (the source address if the Contact is behind NAT), source
	// (always the source address) or contact (always the Contact).
	NAT string `yaml:"nat" enum:"auto,source,contact"`
	// Networks whose watchers need no credentials, besides those that the policy names
	// under unknown_watchers: prefixes or single addresses.
	TrustedNetworks []string  `yaml:"trusted_networks"`
	Rate            Rate      `yaml:"rate"`
	Notify          Notify    `yaml:"notify"`
	TLS             SIPTLS    `yaml:"tls"`
	WebSocket       WebSocket `yaml:"websocket"`
}

// Rate limits the requests taken.
type Rate struct {
	// Requests a second that one source address may go on sending; 0: no limit. A proxy
	// in front is one address.
	PerSource int `yaml:"per_source"`
	// Requests that one source address may send at once: a phone with many buttons that
	// restarts.
	PerSourceBurst int `yaml:"per_source_burst"`
	// SUBSCRIBEs a second of one tenant's watchers, so that a storm of one tenant leaves
	// the others their share; 0: no limit. Those that end a subscription always pass.
	PerTenant int `yaml:"per_tenant"`
	// SUBSCRIBEs of one tenant's watchers at once.
	PerTenantBurst int `yaml:"per_tenant_burst"`
	// Subscriptions that begin in a second in calm times. While more do (phones come back
	// after a power cut), lifetimes are granted shorter by chance, down to half: those that
	// came together refresh apart. 0: never.
	Calm int `yaml:"calm"`
	// Requests a second from everyone together; 0: no limit. While more than half of the
	// burst is used up, lifetimes are granted shorter by chance, down to half: those that
	// came together refresh apart.
	Total int `yaml:"total"`
	// Requests from everyone together at once.
	TotalBurst int `yaml:"total_burst"`
}

// Notify is how NOTIFYs are sent.
type Notify struct {
	// Shortest time between two NOTIFYs of one subscription; changes in between are
	// merged, the latest is sent. 0: none.
	MinInterval time.Duration `yaml:"min_interval"`
	// NOTIFYs that may fail in a row before the subscription is dropped.
	Retries int `yaml:"retries"`
}

// SIPTLS is for listeners tls and wss, and for calls to phones and proxies over TLS.
type SIPTLS struct {
	// Files of the certificate chains, PEM, our own certificate first. Of several, a
	// client gets the one whose name it asks for (SNI), else the first. A changed file
	// is taken over without a restart.
	CertFile []string `yaml:"cert_file"`
	// Files of their private keys, PEM, in the same order.
	KeyFile []string `yaml:"key_file"`
	// Oldest version of TLS that is spoken.
	MinVersion string `yaml:"min_version" enum:"1.2,1.3"`
	// Whether clients must have a certificate: none (they are not asked), request (one
	// that is shown must be valid) or require. Trunks can be known by it.
	ClientAuth string `yaml:"client_auth" enum:"none,request,require"`
	// File of the authorities that clients' certificates must come from, PEM.
	ClientCAFile string `yaml:"client_ca_file"`
	// File of the authorities that the certificates of phones and proxies must come from
	// whose lost connection we open again, PEM; empty: the host's.
	CAFile string `yaml:"ca_file"`
}

// WebSocket is for listeners ws and wss.
type WebSocket struct {
	// Web pages that may connect, such as https://phone.example.com; "*": all. Pages from
	// this server's own address, and clients that are no browser, always may.
	Origins []string `yaml:"origins"`
}

// TLS is a server's certificate.
type TLS struct {
	// File of the certificate chain, PEM.
	CertFile string `yaml:"cert_file"`
	// File of its private key, PEM.
	KeyFile string `yaml:"key_file"`
	// File of the authorities that clients' certificates must come from, PEM; empty:
	// clients need none.
	ClientCAFile string `yaml:"client_ca_file"`
}

// TLSClient is how we check a server.
type TLSClient struct {
	// File of the authorities that the server's certificate must come from, PEM; empty:
	// the host's.
	CAFile string `yaml:"ca_file"`
	// Name the server's certificate must have; empty: that of its address.
	ServerName string `yaml:"server_name"`
	// File of our own certificate, PEM, if the server asks for one.
	CertFile string `yaml:"cert_file"`
	// File of its private key, PEM.
	KeyFile string `yaml:"key_file"`
	// Accept any certificate. For tests only.
	InsecureSkipVerify bool `yaml:"insecure_skip_verify"`
}

// PBX is one connected PBX.
type PBX struct {
	// Name of the PBX in logs, metrics and the store: letters, digits, dot, dash and
	// underscore. Unique; do not change it later.
	Name string `yaml:"name" required:"true"`
	// asterisk (ARI) or freeswitch (event socket).
	Type string `yaml:"type" enum:"asterisk,freeswitch" required:"true"`
	// Address of Asterisk's ARI, such as http://127.0.0.1:8088.
	URL string `yaml:"url"`
	// host or host:port of FreeSWITCH's event socket; port 8021 if left out.
	Address string `yaml:"address"`
	// Where the edge reaches the PBX by SIP: udp, tcp or tls, then ://host:port. Needed if
	// edge.enabled is true; sip.listen needs a socket of that transport.
	SIP string `yaml:"sip"`
	// How a request of more than 1300 bytes reaches a PBX whose sip is udp://: udp (as any
	// other, in fragments) or tcp (over a connection to the same port, which keeps fragments
	// off the network (RFC 3261 §18.1.1); by UDP all the same while the PBX takes none).
	SIPLarge string `yaml:"sip_large" enum:"udp,tcp"`
	// How the edge calls the PBX where sip is tls://: its authorities, and the certificate
	// shown to it. What is left out is as sip.tls has it.
	SIPTLS TLSClient `yaml:"sip_tls"`
	// ARI user; it must not be read_only. For FreeSWITCH, user@domain to log in as a
	// directory user instead of with the socket's own password.
	Username string `yaml:"username"`
	// Password of the ARI user or of the event socket.
	Password Secret `yaml:"password"`
	// Name of the ARI application; every client of one Asterisk needs its own.
	App string `yaml:"app"`
	// Tenant of devices for which the PBX tells no domain; empty: the default tenant. The
	// edge has the domains of a tenant served by the tenant's own PBXs, if any is.
	Tenant string `yaml:"tenant"`
	// How long lamps keep their state when the PBX is lost; then they are unknown.
	Grace time.Duration `yaml:"grace"`
	// How often the PBX is asked whether the events told the truth.
	Reconcile time.Duration `yaml:"reconcile"`
	// What to follow besides the phones: park:701@parkedcalls, confbridge:800,
	// Queue:support, Custom:night (Asterisk), park:5701@pbx.test,
	// conference:3001-pbx.test (FreeSWITCH).
	Devices []string `yaml:"devices"`
	// Asterisk device that, with a number added, is that number's do-not-disturb flag.
	DNDPrefix string `yaml:"dnd_prefix"`
	// Ask Asterisk for the SIP dialog of ringing calls, which pickup with Replaces needs:
	// two more requests for each.
	Dialogs bool `yaml:"dialogs"`
	// How a ringing call of this PBX is picked up: native (INVITE with Replaces of the
	// ringing leg; needs nothing of the PBX) or dialplan (INVITE to its own pickup_code).
	Pickup string `yaml:"pickup" enum:"native,dialplan"`
	// The PBX's own pickup code, such as *8, ** or *89: what dialplan dials before the
	// number. A phone that dials it needs the permission to pick up as well. Empty: it has none.
	PickupCode string `yaml:"pickup_code"`
	// FreeSWITCH's sofia profiles whose registrations count; empty: all.
	Profiles []string `yaml:"profiles"`
	// FreeSWITCH domains to follow; empty: all.
	Domains []string  `yaml:"domains"`
	TLS     TLSClient `yaml:"tls"`
}

// Edge is the proxy in front of the PBXs.
type Edge struct {
	// Relay everything that is not a subscription of ours to the PBXs and back: phones
	// need no other server.
	Enabled bool `yaml:"enabled"`
	// What makes the marks in Path and Record-Route that nobody else can make, 32
	// characters or more; processes that share the load share it. Empty: one is made and
	// kept in the store.
	Key Secret `yaml:"key"`
	// Host or host:port that the PBXs reach the edge by, where it is not the socket's own
	// address. Empty: the socket's own.
	Advertise string `yaml:"advertise"`
	// A phone that has registered through the edge needs no second password for its lamps:
	// the PBX has checked it.
	TrustRegistrations bool `yaml:"trust_registrations"`
	// How often each PBX is asked by OPTIONS whether it is there.
	CheckInterval time.Duration `yaml:"check_interval"`
	// OPTIONS in a row that a PBX may leave unanswered before others are tried first.
	CheckFailures int `yaml:"check_failures"`
	// Which PBXs serve a domain.
	Routes []EdgeRoute `yaml:"routes"`
}

// EdgeRoute says which PBXs serve a domain.
type EdgeRoute struct {
	// Host of the request URI or, where that is our own address, of To (REGISTER) or From. A
	// domain without an entry is served by the PBXs of its tenant (pbx[].tenant; our own
	// address is the default tenant's), where it has none by those without a tenant, else by
	// all that have a SIP address, in the order of the list pbx.
	Domain string `yaml:"domain" required:"true"`
	// Names of PBXs; the first that is there gets the request.
	PBX []string `yaml:"pbx" required:"true"`
}

// Store is where subscriptions, lamp states and the policy are kept.
type Store struct {
	// bolt (a file) or redis (Redis or Valkey: single, Sentinel or Cluster).
	Type string `yaml:"type" enum:"bolt,redis"`
	// File of the bolt store, created if it does not exist; what was written last lies
	// beside it in files that end in .journal-0 and .journal-1. Only one process may have
	// it open.
	Path string `yaml:"path"`
	// Redis addresses: redis://, rediss:// or unix://. One is a single server, several are
	// a Cluster's nodes, and with master they are the Sentinels.
	URL []Secret `yaml:"url"`
	// Name of the master that the Sentinels watch.
	Master string `yaml:"master"`
	// The one URL is a node of a Cluster.
	Cluster bool `yaml:"cluster"`
	// Redis user; wins over the URL's.
	Username string `yaml:"username"`
	// Redis password; wins over the URL's.
	Password Secret `yaml:"password"`
	// User of the Sentinels themselves.
	SentinelUsername string `yaml:"sentinel_username"`
	// Password of the Sentinels themselves.
	SentinelPassword Secret `yaml:"sentinel_password"`
	// What every Redis key starts with; installations that share a Redis need different ones.
	Prefix string `yaml:"prefix"`
	// Replicas that must have a change before it counts as durable (WAIT). Not with a Cluster.
	WaitReplicas int `yaml:"wait_replicas"`
	// How long to wait for a Redis connection or answer.
	Timeout time.Duration `yaml:"timeout"`
	TLS     TLSClient     `yaml:"tls"`
}

// Replicas are several blfbridge processes that share one Redis.
type Replicas struct {
	// This process is one of several with the same store, which must be redis. Each PBX is
	// followed by one of them and all show its lamps; one that is gone is replaced by the
	// others, and a phone may refresh its subscription at any of them.
	Enabled bool `yaml:"enabled"`
	// What this process is called in logs and in Redis; empty: the host's name.
	Name string `yaml:"name"`
	// How long a process that is not heard of keeps its PBXs and subscriptions: 1s to 1m.
	// The same for all.
	Lease time.Duration `yaml:"lease"`
}

// Pickup is what the lamp of a ringing line tells a phone that may pick the call up. Who
// may is the policy's, and so is the code.
type Pickup struct {
	// Call-id and tags in the dialog package's NOTIFYs, which phones pick up by (INVITE with
	// Replaces): auto (tokens that only this server can read, where phones call through it;
	// else none), raw (those of the PBX, for phones that call it directly: whoever may pick up
	// learns them), none.
	DialogIDs string `yaml:"dialog_ids" enum:"auto,raw,none"`
}

// Policy is where the policy document comes from.
type Policy struct {
	// YAML file, read at the start and on SIGHUP. Empty: the policy in the store, which
	// REST and `blfbridge policy` change.
	File string `yaml:"file"`
	// How often the credential files that the policy names (authenticate_credentials) are
	// looked at for changes, besides the start and a reload: 1s to 24h.
	CredentialsRefresh time.Duration `yaml:"credentials_refresh"`
}

// Admin is the side of the administrators: REST, console, metrics, health.
type Admin struct {
	// host:port to serve on; empty: not at all.
	Listen string `yaml:"listen"`
	// What a client must send as bearer token to change anything; empty: nothing can be
	// changed.
	Token Secret `yaml:"token"`
	TLS   TLS    `yaml:"tls"`
}

// Log is what is logged, on standard error.
type Log struct {
	// debug, info, warn or error.
	Level string `yaml:"level" enum:"debug,info,warn,error"`
	// text or json.
	Format string `yaml:"format" enum:"text,json"`
	// Log every SIP message, credentials hidden.
	SIPTrace bool `yaml:"sip_trace"`
}
