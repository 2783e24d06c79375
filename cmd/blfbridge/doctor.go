package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"blfbridge/bridge/admin"
	"blfbridge/bridge/admin/show"
	"blfbridge/bridge/config"
	"blfbridge/bridge/doctor"
	"blfbridge/bridge/eventpkg"
	"blfbridge/bridge/sipmsg"
)

// errFindings: something that doctor looked at does not work.
var errFindings = errors.New("doctor: something does not work; each line above says how to mend it")

func newDoctor(c *cli) *cobra.Command {
	d := &doctorRun{explainer: explainer{connection: connection{cli: c}}}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look whether the server and its PBXs work together",
		Long: `Looks at the configuration, the policy, the running server, and each PBX: is it there, do the
credentials hold, may they do what is needed, is ARI locked up, is Path supported, can calls be
picked up. Each line that is not OK says how to mend it.

--subscribe reads a SUBSCRIBE as captured from a phone ("-" is standard input), and tells how
it would be answered, why, and what its lamp would show.` + connectHelp,
		Example: `  blfbridge doctor --config blfbridge.yaml
  blfbridge doctor --config blfbridge.yaml --json
  blfbridge doctor --config blfbridge.yaml --subscribe captured.txt`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if d.file == "" {
				return &usageError{cmd, errors.New("--config FILE is missing")}
			}
			if d.subscribe != "" {
				return d.explainSubscribe(cmd.Context())
			}
			return d.examine(cmd.Context())
		},
	}
	d.flags(cmd)
	cmd.Flags().BoolVar(&d.asJSON, "json", false, "print JSON")
	cmd.Flags().StringVar(&d.subscribe, "subscribe", "", "`FILE` with a SUBSCRIBE to explain")
	return cmd
}

type doctorRun struct {
	explainer
	subscribe string
	findings  []doctor.Finding
}

func (d *doctorRun) tell(f doctor.Finding) {
	d.findings = append(d.findings, f)
	if d.asJSON {
		return
	}
	show.Finding(d.cli.out, string(f.Result), f.Name, f.Detail, f.Fix, d.cli.paint(d.cli.out))
}

// examine goes through everything, also what follows a failure.
func (d *doctorRun) examine(ctx context.Context) error {
	if ctx == nil {
		ctx = context.Background()
	}
	cfg, err := config.Load(d.file)
	if err != nil {
		d.tell(doctor.Finding{Name: "configuration", Result: doctor.Fail, Detail: err.Error(), Fix: "mend " + d.file})
		return d.end(false)
	}
	d.tell(doctor.Finding{Name: "configuration", Result: doctor.OK, Detail: d.file})
	running := d.server(ctx, cfg)
	good := true
	if !running {
		good = d.store(ctx, cfg)
	}
	all := (&doctor.Doctor{Config: cfg, Tell: d.tell}).Examine(ctx)
	return d.end(good && all)
}

// server asks the running server what it thinks of itself.
func (d *doctorRun) server(ctx context.Context, cfg *config.Config) bool {
	cl, err := d.client(cfg)
	if err != nil {
		d.tell(doctor.Finding{Name: "server", Result: doctor.Warn, Detail: err.Error(), Fix: "set admin.listen"})
		return false
	}
	defer cl.Close()
	v, err := cl.Version(ctx)
	if err != nil {
		d.tell(doctor.Finding{Name: "server", Result: doctor.Warn, Detail: err.Error(), Fix: "start it: blfbridge serve --config " + d.file})
		return false
	}
	d.tell(doctor.Finding{Name: "server", Result: doctor.OK, Detail: fmt.Sprintf("%s, up since %s", v.Version, v.Started.Format(time.RFC3339))})
	for _, l := range cfg.SIP.Listen {
		d.tell(listens(l))
	}
	list, err := cl.Sources(ctx)
	if err != nil {
		d.tell(doctor.Finding{Name: "sources", Result: doctor.Warn, Detail: err.Error(), Fix: "give --token"})
		return true
	}
	for _, s := range list.Sources {
		f := doctor.Finding{Name: "pbx " + s.Name + ": connected", Result: doctor.OK, Detail: fmt.Sprintf("%d devices", s.Devices)}
		if !s.Up {
			f.Result, f.Fix = doctor.Fail, "see the lines of that PBX below"
			f.Detail = "down: " + s.Error
		}
		d.tell(f)
	}
	return true
}

// listens knocks at a stream socket; a UDP one answers SUBSCRIBEs only.
func listens(l string) doctor.Finding {
	f := doctor.Finding{Name: "sip " + l, Result: doctor.OK, Detail: "not asked: UDP"}
	transport, addr, err := config.SplitListen(l)
	if err != nil || strings.EqualFold(transport, "udp") {
		return f
	}
	host, port, _ := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	c, err := net.DialTimeout("tcp", net.JoinHostPort(host, port), 3*time.Second)
	if err != nil {
		f.Result, f.Detail, f.Fix = doctor.Fail, err.Error(), "does another program hold the port, or a firewall stand between?"
		return f
	}
	_ = c.Close()
	f.Detail = "takes connections"
	return f
}

// store opens the policy's home, which a running server would hold.
func (d *doctorRun) store(ctx context.Context, cfg *config.Config) bool {
	doc, revision, from, err := d.cli.storedPolicy(ctx, cfg)
	if err != nil {
		d.tell(doctor.Finding{Name: "store and policy", Result: doctor.Fail, Detail: err.Error(), Fix: "mend store: or policy.file of " + d.file})
		return false
	}
	d.tell(doctor.Finding{Name: "store and policy", Result: doctor.OK, Detail: fmt.Sprintf("%s, revision %d; %s", from, revision, admin.WatchersRule(doc, cfg))})
	return true
}

func (d *doctorRun) end(good bool) error {
	if d.asJSON {
		if err := writeJSON(d.cli.out, map[string]any{"ok": good, "findings": d.findings}); err != nil {
			return err
		}
	}
	if !good {
		return errFindings
	}
	return nil
}

// explainSubscribe tells how a captured SUBSCRIBE would be answered.
func (d *doctorRun) explainSubscribe(ctx context.Context) error {
	in := d.cli.in
	if d.subscribe != "-" {
		f, err := os.Open(d.subscribe)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, 64<<10))
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", d.subscribe, err)
	}
	s, err := readSubscribe(text)
	if err != nil {
		return fmt.Errorf("%s: %w", d.subscribe, err)
	}
	d.question.Watcher, d.question.Target = s.watcher, s.target
	answer, err := d.ask(ctx)
	if err != nil {
		return err
	}
	answer.Notes = append(answer.Notes, s.notes...)
	if d.asJSON {
		return writeJSON(d.cli.out, answer)
	}
	return show.Explanation(d.cli.out, &answer, d.cli.paint(d.cli.out))
}

// captured is what a SUBSCRIBE asks.
type captured struct {
	watcher, target string
	notes           []string
}

var errNoSubscribe = errors.New("no SUBSCRIBE can be read: paste it whole, from its first line to the empty line")

// readSubscribe reads a pasted message: its line ends may be lost, and blanks stand in front.
func readSubscribe(text []byte) (s captured, err error) {
	lines := strings.Split(strings.ReplaceAll(string(bytes.TrimSpace(text)), "\r\n", "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	var m sipmsg.Message
	if why := m.Scan([]byte(strings.Join(lines, "\r\n") + "\r\n\r\n")); why != "" || string(m.Method) != "SUBSCRIBE" {
		return s, errNoSubscribe
	}
	s.target = string(m.At(m.URI))
	if u, ok := sipmsg.ParseURI(m.At(m.URI)); ok && len(u.User) == 0 {
		if uri, _, ok := sipmsg.Address(m.Value(sipmsg.To)); ok {
			s.target = string(uri)
			s.notes = append(s.notes, "the request URI names no line, so To does (Yealink)")
		}
	}
	uri, _, ok := sipmsg.Address(m.Value(sipmsg.From))
	if !ok {
		return s, errNoSubscribe
	}
	s.watcher = string(uri)
	agent := headerOf(lines, "user-agent")
	dialect := eventpkg.DialectFor(agent)
	s.notes = append(s.notes, fmt.Sprintf("dialect of %q: %s. %s", agent, dialect, dialect.Dialect().Evidence))
	event := strings.TrimSpace(string(m.Value(sipmsg.Event)))
	if name, _, _ := strings.Cut(event, ";"); name != "dialog" && name != "presence" {
		s.notes = append(s.notes, fmt.Sprintf("event package %q is not served here: 489, or relayed by the edge; set the key to BLF", event))
	} else if _, ok := eventpkg.Negotiate(name, acceptOf(lines)); !ok {
		s.notes = append(s.notes, "Accept names no form that is served: 406")
	}
	return s, nil
}

func headerOf(lines []string, name string) string {
	for _, l := range lines {
		if n, v, ok := strings.Cut(l, ":"); ok && strings.EqualFold(strings.TrimSpace(n), name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func acceptOf(lines []string) []string {
	if a := headerOf(lines, "accept"); a != "" {
		return []string{a}
	}
	return nil
}
