package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"blfbridge/bridge/admin"
	"blfbridge/bridge/admin/client"
	"blfbridge/bridge/admin/show"
	"blfbridge/bridge/config"
	"blfbridge/bridge/doctor"
	"blfbridge/bridge/eventpkg"
	"blfbridge/bridge/sipmsg"
	"blfbridge/policy"
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
picked up. Then it watches a line by a SUBSCRIBE of each kind over each socket of sip.listen,
and compares the lamp with what the PBX says. Each line that is not OK says how to mend it.

The line watches itself, unless --as names another watcher. It runs on the server's host.

--subscribe reads a SUBSCRIBE as captured from a phone ("-" is standard input), and tells how
it would be answered, why, and what its lamp would show.` + connectHelp,
		Example: `  blfbridge doctor --config blfbridge.yaml
  blfbridge doctor --config blfbridge.yaml --line 1002 --as 1001 --password-file secret.txt
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
	cmd.Flags().StringVar(&d.watch.Line, "line", "", "`NUMBER` to watch (default: the first line whose lamp is known)")
	cmd.Flags().StringVar(&d.watch.User, "as", "", "`WATCHER` that watches it: digest user or number (default: the line itself)")
	cmd.Flags().StringVar(&d.passwordFile, "password-file", "", "`FILE` with the watcher's digest password")
	_ = cmd.MarkFlagFilename("password-file")
	_ = cmd.MarkFlagFilename("subscribe")
	return cmd
}

type doctorRun struct {
	explainer
	subscribe    string
	watch        doctor.Watch
	passwordFile string
	findings     []doctor.Finding
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
	if d.passwordFile != "" {
		text, err := os.ReadFile(d.passwordFile)
		if err != nil {
			return fmt.Errorf("--password-file: %w", err)
		}
		d.watch.Password = strings.TrimRight(string(text), "\r\n")
	}
	cfg, err := config.Load(d.file)
	if err != nil {
		d.misconfigured(err)
		return d.end(false)
	}
	d.tell(doctor.Finding{Name: "configuration", Result: doctor.OK, Detail: d.file})
	doc := doctor.Doctor{Config: cfg, File: d.file, Watch: d.watch, Tell: d.tell}
	good := true
	if cl := d.server(ctx, cfg); cl != nil {
		defer cl.Close()
		doc.Server = cl
		good = d.running(ctx, cl, &doc)
	} else {
		doc.Policy, good = d.store(ctx, cfg)
	}
	return d.end(doc.Examine(ctx) && good)
}

// misconfigured tells each problem of a file by itself.
func (d *doctorRun) misconfigured(err error) {
	var problems config.Problems
	if !errors.As(err, &problems) {
		d.tell(doctor.Finding{Name: "configuration", Result: doctor.Fail, Detail: err.Error(), Fix: "name the file by --config; 'blfbridge config defaults' prints one to begin with"})
	}
	for _, p := range problems {
		fix := cmp.Or(p.Fix, "see 'blfbridge config doc'")
		p.Fix = ""
		d.tell(doctor.Finding{Name: "configuration", Result: doctor.Fail, Detail: p.Error(), Fix: fix})
	}
}

// server returns a client of the running server; nil if there is none.
func (d *doctorRun) server(ctx context.Context, cfg *config.Config) *client.Client {
	cl, err := d.client(cfg)
	if err != nil {
		d.tell(doctor.Finding{Name: "server", Result: doctor.Warn, Detail: err.Error(), Fix: "set admin.listen in " + d.file})
		return nil
	}
	v, err := cl.Version(ctx)
	if err != nil {
		cl.Close()
		d.tell(doctor.Finding{Name: "server", Result: doctor.Warn, Detail: err.Error(), Fix: "start it: blfbridge serve --config " + d.file})
		return nil
	}
	d.tell(doctor.Finding{Name: "server", Result: doctor.OK, Detail: fmt.Sprintf("%s, up since %s", v.Version, v.Started.Format(time.RFC3339))})
	return cl
}

// running asks the running server what it thinks of itself, and for its policy.
func (d *doctorRun) running(ctx context.Context, cl *client.Client, doc *doctor.Doctor) (good bool) {
	text, revision, err := cl.Policy(ctx)
	if err == nil {
		doc.Policy, err = policy.Load(text)
	}
	if err != nil {
		d.tell(doctor.Finding{Name: "policy", Result: doctor.Warn, Detail: err.Error(), Fix: "give --token, or set admin.token in " + d.file})
	} else {
		d.tell(doctor.Finding{Name: "policy", Result: doctor.OK, Detail: fmt.Sprintf("revision %d; %s", revision, admin.WatchersRule(doc.Policy, doc.Config))})
	}
	list, err := cl.Sources(ctx)
	if err != nil {
		d.tell(doctor.Finding{Name: "sources", Result: doctor.Warn, Detail: err.Error(), Fix: "give --token, or set admin.token in " + d.file})
		return true
	}
	good = true
	for _, s := range list.Sources {
		f := doctor.Finding{Name: "pbx " + s.Name + ": connected", Result: doctor.OK, Detail: fmt.Sprintf("%d devices", s.Devices)}
		if !s.Up {
			good = false
			f.Result, f.Fix = doctor.Fail, "see the lines of that PBX below"
			f.Detail = "down: " + s.Error
		}
		d.tell(f)
	}
	return good
}

// store opens the policy's home, which a running server would hold.
func (d *doctorRun) store(ctx context.Context, cfg *config.Config) (*policy.Document, bool) {
	doc, revision, from, err := d.cli.storedPolicy(ctx, cfg)
	if err != nil {
		d.tell(doctor.Finding{Name: "store and policy", Result: doctor.Fail, Detail: err.Error(), Fix: "mend store: or policy.file of " + d.file})
		return nil, false
	}
	d.tell(doctor.Finding{Name: "store and policy", Result: doctor.OK, Detail: fmt.Sprintf("%s, revision %d; %s", from, revision, admin.WatchersRule(doc, cfg))})
	return doc, true
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
