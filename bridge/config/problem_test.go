package config

import (
	"errors"
	"strings"
	"testing"
)

// Each document and all that is to be said of it, line by line.
func TestProblems(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":          {"", `pbx: is empty: there is no PBX whose lamps could be shown; add one: "- {name: pbx, type: asterisk, url: http://127.0.0.1:8088, username: blf, password: …}"`},
		"only a comment": {"# later\n", `pbx: is empty: there is no PBX whose lamps could be shown; add one: "- {name: pbx, type: asterisk, url: http://127.0.0.1:8088, username: blf, password: …}"`},
		"all at once": {`sip:
  listn: udp://0.0.0.0:5060
  nat: sorce
  realm: 'a"b'
  min_expires: 2h
  trusted_networks: [10.0.0.0/8, lan]
store: {type: blot, pth: x}
token: abc
log:
  level: verbose
pbx:
- name: a b
  type: asterisk
  reconcile: often
- name: fs
  type: freeswitch
  url: http://h
  password: x
- type: 3cx
`, `line 2: sip.listn: unknown key; did you mean "listen"?
line 3: sip.nat: unknown value "sorce"; did you mean "source"?
line 4: sip.realm: "a\"b" cannot stand in a challenge; write a name such as pbx.example.com
line 5: sip.min_expires: 2h is too long; write 1h or less
line 6: sip.trusted_networks[1]: "lan" is not a network; write 192.0.2.0/24, 2001:db8::/32 or an address
line 7: store.type: unknown value "blot"; did you mean "bolt"?
line 7: store.pth: unknown key; did you mean "path"?
line 8: token: unknown key; did you mean admin.token?
line 10: log.level: unknown value "verbose"; write debug, info, warn or error
line 12: pbx[0].name: "a b" cannot be a name; use letters, digits, dot, dash and underscore
line 12: pbx[0].url: is missing; write http://127.0.0.1:8088
line 12: pbx[0].username: is missing; name the section of ari.conf with type=user
line 12: pbx[0].password: is missing; it is the user's password in ari.conf; password_file takes it from a file
line 14: pbx[0].reconcile: "often" is not a duration; write 90s, 1m30s or 1h; a plain number is seconds
line 15: pbx[1].address: is missing; write 127.0.0.1:8021
line 17: pbx[1].url: is only for type asterisk; leave it out, or set another type
line 19: pbx[2].name: is missing
line 19: pbx[2].type: unknown value "3cx"; write asterisk or freeswitch`},
		"not YAML":  {"sip:\n  listen: [a\n", "line 2: is not YAML: sequence end token ']' not found"},
		"tabs":      {"sip:\n\tnat: auto\n", "line 2: is not YAML: found character '\t' that cannot start any token"},
		"a list":    {"- a\n", `wants keys, has a list; write "key: value" lines`},
		"a word":    {"serve\n", `wants keys, has a single value; write "key: value" lines`},
		"documents": {onePBX + "---\nlog: {level: info}\n", "line 9: is a second document; keep one, without ---"},
		"shapes": {onePBX + `sip: 5
store: [a]
admin:
  listen: {a: b}
log:
  level: [x]
policy:
  file:
    x: y
`, `line 8: sip: wants keys, has a single value; write "key: value" lines
line 9: store: wants keys, has a list; write "key: value" lines
line 11: admin.listen: wants a single value, has keys; a value with a colon in it needs quotes
line 13: log.level: wants a single value, has a list
line 15: policy.file: wants a single value, has keys; a value with a colon in it needs quotes`},
		"pbx is no list": {"pbx:\n  name: a\n", `line 1: pbx: wants a list, has keys; start each entry with "- "`},
		"pbx of words":   {"pbx: [a]\n", `line 1: pbx[0]: wants keys, has a single value; write "key: value" lines`},
		"anchors": {onePBX + "log: &a\n  level: info\npolicy: *a\n", `line 8: log: anchors and aliases are not supported; write the value out
line 10: policy: anchors and aliases are not supported; write the value out`},
		"tag": {onePBX + "log: {level: !!str info}\n", "line 8: log.level: tags are not supported; leave the tag out"},
		"wrong types": {onePBX + `log: {sip_trace: maybe}
sip:
  max_subscriptions: many
  notify: {retries: 0, min_interval: -5s}
  rate: {per_source: -1, total_burst: 0}
`, `line 8: log.sip_trace: "maybe" is neither true nor false; write true or false
line 10: sip.max_subscriptions: "many" is not a whole number; write a whole number
line 11: sip.notify.min_interval: -5s is too short; write 0s or more
line 11: sip.notify.retries: 0 is out of range; write 1 to 100
line 12: sip.rate.per_source: -1 is too small; write 0 or more
line 12: sip.rate.total_burst: 0 is too small; write 1 or more`},
		"overflow": {onePBX + "sip: {max_expires: 9999999999h, max_subscriptions: 99999999999999999999}\n",
			`line 8: sip.max_expires: "9999999999h" is not a duration; write 90s, 1m30s or 1h; a plain number is seconds
line 8: sip.max_subscriptions: "99999999999999999999" is not a whole number; write a whole number`},
		"environment": {onePBX + "log:\n  level: ${LEVEL}\n  format: ${a-b}\n  sip_trace: ${OPEN\n",
			`line 9: log.level: environment variable LEVEL is not set; set it, or write ${NAME:-default}
line 10: log.format: "a-b" is not the name of an environment variable; set it, or write ${NAME:-default}
line 11: log.sip_trace: "${OPEN" has no closing brace; set it, or write ${NAME:-default}`},
		"sockets": {onePBX + `sip:
  advertise: sip:host
  listen:
    - udp://pbx.example:5060
    - sctp://192.0.2.1:5060
    - udp://192.0.2.1:5060
    - udp://192.0.2.1
    - tls://192.0.2.1:5061
    - 192.0.2.1:5060
`, `line 8: sip.tls.cert_file: is missing; sip.listen[4] needs a certificate; name the file of a certificate chain, PEM, and its key in sip.tls.key_file
line 9: sip.advertise: "host" is not a port; write host or host:port, without scheme
line 11: sip.listen[0]: "pbx.example:5060" is not address:port with a literal address; write udp://0.0.0.0:5060; tcp, tls, ws and wss go the same way
line 12: sip.listen[1]: "sctp://192.0.2.1:5060": transport sctp is not served; write udp://0.0.0.0:5060; tcp, tls, ws and wss go the same way
line 14: sip.listen[3]: uses the same port as sip.listen[2]; keep one
line 16: sip.listen[5]: "192.0.2.1:5060" has no transport; write udp://0.0.0.0:5060; tcp, tls, ws and wss go the same way`},
		"no sockets": {onePBX + "sip: {listen: []}\n", "line 8: sip.listen: is empty: no phone could subscribe; write udp://0.0.0.0:5060"},
		"redis": {onePBX + `store:
  type: redis
  url: http://u:s3cret@h, redis://a
  wait_replicas: 1
  prefix: "{x}"
  tls: {cert_file: c}
`, `line 10: store.url[0]: is not a Redis URL; write redis://host:6379, rediss://host:6379 or unix:///path
line 11: store.wait_replicas: does not work with a Cluster; set min-replicas-to-write on the servers instead
line 12: store.prefix: "{x}" cannot start a key; use one plain word
line 13: store.tls.key_file: is missing, cert_file is set`},
		"redis without": {onePBX + "store: {type: redis}\n", "line 8: store.url: is missing; write redis://127.0.0.1:6379"},
		"bolt with":     {onePBX + "store: {url: 'redis://h', path: ''}\n", "line 8: store.path: is empty; write the name of a file\nline 8: store.url: is only for type redis; set store.type: redis, or leave it out"},
		"admin": {onePBX + "admin: {listen: 8080, token: short, tls: {client_ca_file: x}}\n",
			`line 8: admin.listen: "8080" is not host:port; write 127.0.0.1:8080, or "" for none
line 8: admin.token: is too weak or has spaces; use 8 or more characters without spaces, e.g. from openssl rand -hex 16
line 8: admin.tls.client_ca_file: needs a certificate of our own; set cert_file and key_file too`},
		"edge": {`pbx:
- {name: a, type: asterisk, url: "http://h", username: u, password: p, sip: "tls://h"}
- {name: b, type: asterisk, url: "http://h", username: u, password: p, sip: "sctp://h"}
edge:
  enabled: true
  key: short
  advertise: "sip:x"
  check_interval: 1ms
  check_failures: 0
  routes:
  - {domain: x.test, pbx: [a, c]}
  - {domain: X.test, pbx: []}
`, `line 2: pbx[0].sip: no socket of sip.listen could reach it by tls; add one of tls to sip.listen
line 3: pbx[1].sip: "sctp://h": PBXs are not reached by sctp; write udp://192.0.2.10:5060
line 6: edge.key: 5 characters are too few; write 32 characters or more, or leave it out
line 7: edge.advertise: "x" is not a port; write host or host:port, without scheme
line 8: edge.check_interval: 1ms is too short; write 1s or more
line 9: edge.check_failures: 0 is too small; write 1 or more
line 11: edge.routes[0].pbx[1]: no PBX with a SIP address is called "c"; name an entry of pbx that has sip set
line 12: edge.routes[1].pbx: is missing
line 12: edge.routes[1].domain: stands in edge.routes[0] too; write all its PBXs in one entry`},
		"large": {`sip: {listen: ["udp://0.0.0.0:5060", "tls://0.0.0.0:5061"], tls: {cert_file: c, key_file: k}}
pbx:
- {name: a, type: asterisk, url: "http://h", username: u, password: p, sip_large: tcp}
- {name: b, type: asterisk, url: "http://h", username: u, password: p, sip_large: tcp, sip: "tls://h"}
- {name: c, type: asterisk, url: "http://h", username: u, password: p, sip_large: tcp, sip: "udp://h"}
edge: {enabled: true}
`, `line 3: pbx[0].sip_large: needs a SIP address of the PBX; set pbx[].sip, or leave it out
line 4: pbx[1].sip_large: is for a PBX reached by udp, and pbx[1].sip says tls; leave it out
line 5: pbx[2].sip_large: no socket of sip.listen could reach it by tcp; add one of tcp to sip.listen`},
		"edge without": {onePBX + "edge: {enabled: true}\n", "line 8: edge.enabled: needs a PBX with a SIP address; set pbx[].sip, such as udp://127.0.0.1:5060"},
		"PBXs": {`pbx:
- {name: a, type: asterisk, url: "http://u:s3cret@h", username: u, password: p, app: "a b", grace: -1}
- {name: a, type: asterisk, url: "ftp://h", username: u, password: p, address: x}
- {name: c, type: freeswitch, address: "h:x", username: joe, password: p}
`, `line 2: pbx[0].url: holds credentials; use username and password (or password_file)
line 2: pbx[0].app: "a b" cannot be an application's name; use one plain word
line 2: pbx[0].grace: -1s is too short; write 0s or more
line 3: pbx[1].name: "a" is pbx[0]'s too; names are unique
line 3: pbx[1].url: is not an http or https URL; write http://127.0.0.1:8088
line 3: pbx[1].address: is only for type freeswitch; leave it out, or set another type
line 4: pbx[2].address: "x" is not a port; write host or host:port
line 4: pbx[2].username: "joe" is not a directory user; write user@domain, or leave it out`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(c.text), nil)
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("got %v, want Problems", err)
			}
			got := err.Error()
			if !sameLines(got, c.want) {
				t.Errorf("got\n%s\n\nwant\n%s", got, c.want)
			}
			if strings.Contains(got, "s3cret") {
				t.Error("a secret is shown")
			}
		})
	}
}

// sameLines: the problems come by line; within one their order does not matter.
func sameLines(a, b string) bool {
	count := map[string]int{}
	for line := range strings.SplitSeq(a, "\n") {
		count[line]++
	}
	for line := range strings.SplitSeq(b, "\n") {
		count[line]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

func TestProblemsComeByLine(t *testing.T) {
	_, err := Parse([]byte("log: {level: x}\nadmin: {listen: x}\nsip: {nat: x}\nnope: 1\n"), nil)
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != 5 {
		t.Fatalf("got %v, want 5 problems", err)
	}
	for i := range problems[1:] {
		if problems[i].Line > problems[i+1].Line {
			t.Errorf("not by line:\n%v", err)
		}
	}
}
