//go:build pbx

package bridge_test

import (
	"context"
	"errors"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"blfbridge/bridge/certs/certstest"
	"blfbridge/bridge/siptest/lab"
)

// TestDoctorPBX: whatever is wrong between the server and a real Asterisk is found, with
// what mends it, and no longer once it is mended.
func TestDoctorPBX(t *testing.T) {
	t.Parallel()
	a := takeAsterisk(t, "pickup")
	a.stop(t, false) // phones of other tests may hold its modules, which are unloaded here
	a.start(t)
	s := newServer(t, setup{store: newStorage(t, "bolt"), pbx: a.yaml("doctor", "sip: udp://"+a.addr.SIP), more: edgeYAML,
		policy: "tenants: [{name: default, lines: [{number: '1001', devices: [PJSIP/1001]}]}]\n"})
	s.start()
	a.phones(t, "1001")
	cli := func(command string) func() { return func() { a.cli(t, command) } }
	unload := func(module string) func() {
		t.Cleanup(func() { _, _ = a.CLI(context.Background(), "module load "+module) })
		return func() { // it is refused while the module is in use, as by a phone of another test that left just now
			s.eventually(10*time.Second, module+" to be unloaded", func() error {
				out := a.cli(t, "module unload "+module)
				if is := a.cli(t, "module show like "+module); strings.Contains(is, "Running") && !strings.Contains(is, "Not Running") {
					return errors.New(out)
				}
				return nil
			})
		}
	}
	// Another client of ARI, without an event filter. It subscribes to nothing, so that its
	// leaving locks nothing up.
	c, _, err := websocket.Dial(t.Context(), strings.Replace(a.addr.ARI, "http", "ws", 1)+"/events?app=nofilter&api_key="+lab.ARIUser+":"+lab.ARIPassword, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()

	const dialplan = "app: doctor\n    pickup: dialplan\n    pickup_code: "
	dead := freePort(t)
	s.look(t, []fault{
		{name: "all well", finds: "ok pbx ast: ARI Asterisk 22"},
		{name: "password", old: lab.ARIPassword, new: "wrong", finds: "failed pbx ast: credentials", fix: "pbx.password in FILE"},
		{name: "nobody there", old: a.addr.ARI, new: "http://" + dead, finds: "failed pbx ast: ARI", fix: "pbx.url in FILE"},
		{name: "rights", old: "username: " + lab.ARIUser, new: "username: blfbridge-ro", finds: "failed pbx ast: rights", fix: "remove read_only=yes from [blfbridge-ro] in ari.conf"},
		{name: "rights, well", finds: "ok pbx ast: rights"},
		{name: "no server", old: "app: doctor", new: "app: nobody", finds: "warning pbx ast: events", fix: "blfbridge serve"},
		{name: "no filter", old: "app: doctor", new: "app: nofilter", finds: "warning pbx ast: events", fix: "pbx.app in FILE"},
		{name: "filter, well", finds: `ok pbx ast: events application "doctor", filter of`},
		{name: "SIP", old: "sip: udp://" + a.addr.SIP, new: "sip: udp://" + dead, finds: "failed pbx ast: SIP", fix: "pbx.sip in FILE"},
		{name: "SIP, well", finds: "ok pbx ast: SIP"},
		{name: "devices", old: "app: doctor", new: "app: doctor\n    devices: ['Queue:nobody']", finds: "failed pbx ast: devices Asterisk knows no Queue:nobody", fix: "pbx.devices in FILE"},
		{name: "devices, well", old: "app: doctor", new: "app: doctor\n    devices: ['Queue:support']", finds: "ok pbx ast: devices"},
		{name: "lines, well", finds: "ok pbx ast: lines 1 devices"},
		{name: "native", finds: "ok pbx ast: pickup native"},
		{name: "code", old: "app: doctor", new: dialplan + `"*89"`, finds: "ok pbx ast: pickup dialplan: *89 and number is in the context office"},
		{name: "no code", old: "app: doctor", new: dialplan + `"*77"`, finds: "failed pbx ast: pickup there is no *77 and number in the context office", fix: "pbx-config asterisk"},
		{name: "dialplan not asked", old: "app: doctor", new: dialplan + `"*89"`, break_: unload("func_dialplan.so"), finds: "warning pbx ast: pickup", fix: "load = func_dialplan.so"},
		{name: "code removed", old: "app: doctor", new: dialplan + `"*89"`, break_: func() {
			a.cli(t, "module load func_dialplan.so")
			a.cli(t, "dialplan remove extension _*89X.@office")
		}, finds: "failed pbx ast: pickup there is no *89", fix: "pbx.pickup in FILE to native"},
		{name: "code again", old: "app: doctor", new: dialplan + `"*89"`, break_: cli("dialplan reload"), finds: "ok pbx ast: pickup dialplan"},
		{name: "web phones", old: "tcp://", new: "ws://" + dead + ", tcp://", break_: unload("res_pjsip_transport_websocket.so"), finds: "failed pbx ast: WebSocket", fix: "load = res_pjsip_transport_websocket.so"},
		{name: "web phones, well", old: "tcp://", new: "ws://" + dead + ", tcp://", break_: cli("module load res_pjsip_transport_websocket.so"), finds: "ok pbx ast: WebSocket"},
		{name: "the lamp is the PBX's", args: []string{"--line", "1001"}, finds: "ok sip udp://" + s.udp + " dialog line 1001: idle"},
	})
	s.write(s.policyFile, "tenants: [{name: default, lines: [{number: '1001', devices: [PJSIP/9999]}]}]\n")
	s.reload()
	s.look(t, []fault{{name: "lines", finds: "failed pbx ast: lines the policy names devices that Asterisk does not know: PJSIP/9999", fix: "blfbridge policy export"}})
}

// TestDoctorPath: what a phone's sections lack is named, at an Asterisk into which only the
// other parts were pasted.
func TestDoctorPath(t *testing.T) {
	t.Parallel()
	b := newBare(t)
	s := newServer(t, setup{store: newStorage(t, "bolt"), pbx: b.yaml(), more: edgeYAML})
	text, err := s.command("pbx-config", "asterisk")
	if err != nil {
		t.Fatal(err)
	}
	all := b.read("pjsip.conf")
	half := strings.Replace(strings.Replace(text, "\nsupport_path = yes", "\n;", 1), "\nrewrite_contact = no", "\n;", 1)
	b.paste(regexp.MustCompile(`load = (res_pjsip_path|res_pjsip_refer).so\n`).ReplaceAllString(half, ""))
	b.start(t)
	s.start()
	s.look(t, []fault{
		{name: "module", finds: "failed pbx office: Path Asterisk does not run res_pjsip_path.so", fix: "load = res_pjsip_path.so into modules.conf"},
		{name: "no Replaces", finds: "failed pbx office: pickup Asterisk does not run res_pjsip_refer.so", fix: "load = res_pjsip_refer.so into modules.conf"},
		{name: "aors", finds: "failed pbx office: Path calls do not reach 1001, 1002", fix: "support_path=yes to their sections of type=aor in pjsip.conf"},
		{name: "endpoints", finds: "failed pbx office: Contact Asterisk takes the edge's address for that of 1001, 1002", fix: "rewrite_contact=no in their sections of type=endpoint in pjsip.conf"},
	})
	b.write("pjsip.conf", all)
	b.paste(text)
	b.restart()
	s.ready()
	s.look(t, []fault{
		{name: "Replaces, well", finds: "ok pbx office: pickup native"},
		{name: "aors, well", finds: "ok pbx office: Path support_path is on for 6 phones"},
		{name: "endpoints, well", finds: "ok pbx office: Contact"},
	})
}

// TestDoctorSockets: a SUBSCRIBE over each socket tells what is wrong with it, or with the
// watcher.
func TestDoctorSockets(t *testing.T) {
	t.Parallel()
	a := takeAsterisk(t, "pickup")
	ca, dir := certstest.New(t, "House"), t.TempDir()
	certificate := func(l certstest.Leaf) func() {
		return func() { ca.Write(t, dir, l) }
	}
	certificate(certstest.Leaf{Names: []string{"other.test"}})()
	tls, wss, dead := freePort(t), freePort(t), freePort(t)
	const policy = `
unknown_watchers: {trusted_networks: [%s], others: challenge}
default_inter_presence_group_subscription: disallow
tenants:
- name: default
  presence_groups: [{name: Board}]
  lines: [{number: "101", presence_group: Board}]
  phones:
  - {name: BOARD, lines: ["101"], presence_group: Board, digest: {username: ann, password: s3cret-word}}
  - {name: DESK, lines: ["102"]}
`
	s := newServer(t, setup{
		store: newStorage(t, "bolt"), pbx: a.yaml("doctor"), listen: "tls://" + tls + ", wss://" + wss,
		sip:    "  tls: {cert_file: " + filepath.Join(dir, "tls.crt") + ", key_file: " + filepath.Join(dir, "tls.key") + "}\n",
		policy: strings.Replace(policy, "%s", "127.0.0.1", 1),
	})
	s.start()
	a.phones(t, "1001")
	right, wrong := filepath.Join(dir, "right"), filepath.Join(dir, "wrong")
	s.write(right, "s3cret-word\n")
	s.write(wrong, "guess\n")
	line := []string{"--line", "101"}
	renewed := func(l certstest.Leaf) func() {
		return func() { certificate(l)(); s.reload() }
	}
	s.look(t, []fault{
		{name: "UDP", args: line, finds: "ok sip udp://" + s.udp + " dialog line 101: unknown"},
		{name: "presence", args: line, finds: "ok sip tcp://" + s.udp + " presence line 101: unknown"},
		{name: "nobody, TCP", args: line, old: "tcp://" + s.udp, new: "tcp://" + dead, finds: "failed sip tcp://" + dead + " dialog", fix: "sip.listen in FILE"},
		{name: "nobody, UDP", args: line, old: "udp://" + s.udp, new: "udp://" + dead, finds: "failed sip udp://" + dead + " dialog no answer", fix: "sip.listen in FILE"},
		{name: "another name, TLS", args: line, finds: "failed sip tls://" + tls + " dialog the certificate is for other.test, and phones call this server 127.0.0.1", fix: "sip.tls.cert_file in FILE"},
		{name: "another name, WSS", args: line, finds: "failed sip wss://" + wss + " dialog the certificate is for other.test", fix: filepath.Join(dir, "tls.crt")},
		{name: "advertised", args: line, old: "  tls:", new: "  advertise: no.such.host.invalid\n  tls:", finds: "failed advertised address", fix: "sip.advertise in FILE"},
		{name: "over", args: line, break_: renewed(certstest.Leaf{Names: []string{"127.0.0.1"}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-24 * time.Hour)}),
			finds: "failed sip tls://" + tls + " dialog the certificate is over since", fix: "sip.tls.cert_file in FILE"},
		{name: "renewed, TLS", args: line, break_: renewed(certstest.Leaf{Names: []string{"127.0.0.1"}}), finds: "ok sip tls://" + tls + " dialog line 101"},
		{name: "renewed, WSS", args: line, finds: "ok sip wss://" + wss + " presence line 101"},
		{name: "refused", args: append(line, "--as", "102"), finds: "warning sip udp://" + s.udp + " dialog the socket works; the policy refuses 102", fix: "blfbridge explain 102 101"},
		{name: "nobody's line", args: []string{"--line", "999", "--as", "101"}, finds: "warning sip udp://" + s.udp + " dialog the socket works; the policy refuses 101", fix: "--line"},
		{name: "the first line whose lamp is known", finds: "ok sip udp://" + s.udp + " dialog line 1001: idle"},
	})
	s.write(s.policyFile, strings.Replace(policy, "%s", "192.0.2.1", 1))
	s.reload()
	s.look(t, []fault{
		{name: "challenged", args: line, finds: "warning sip udp://" + s.udp + " dialog the socket works, and asks 101 for credentials", fix: "--password-file"},
		{name: "password", args: append(line, "--as", "ann", "--password-file", right), finds: "ok sip tls://" + tls + " presence line 101"},
		{name: "wrong password", args: append(line, "--as", "ann", "--password-file", wrong), finds: "failed sip udp://" + s.udp + " dialog the credentials of ann are refused", fix: "digest"},
	})
}
