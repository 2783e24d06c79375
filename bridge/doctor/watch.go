package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"blfbridge/bridge/admin"
	"blfbridge/bridge/device"
	"blfbridge/bridge/siptest"
)

// Watch is a SUBSCRIBE of the doctor's own.
type Watch struct {
	// Line is watched; empty: the first line whose lamp is known, else the first.
	Line string
	// User watches; empty: the line itself, which may always watch its own group.
	User string
	// Password answers a challenge; empty: a challenge is a finding.
	Password string
}

// patience is how long a lamp may differ from what the PBX says: a call may begin or end
// while the doctor looks.
const patience = 2 * time.Second

// subscribe watches the line over one socket by one event package, as a phone does, and
// compares the lamp with what the PBX says. The subscription is ended again.
func (d *Doctor) subscribe(ctx context.Context, s *socket, event string) Finding {
	name := s.name + " " + event
	phone, err := siptest.NewPhone(siptest.Config{
		User: cmp.Or(d.Watch.User, d.Watch.Line), Password: d.Watch.Password, Proxy: s.addr, Transport: s.transport,
		TLS: s.verify(), Listen: s.from, UserAgent: "blfbridge-doctor", NoMedia: true, Timeout: d.Timeout,
	})
	if err != nil {
		return failed(name, "mend "+d.key("sip.listen"), "%v", err)
	}
	defer phone.Close()
	began := time.Now()
	sub, err := phone.Subscribe(ctx, siptest.SubscribeConfig{Target: d.Watch.Line, Event: event, Expires: int(d.Config.SIP.MinExpires.Seconds()), Entity: "any"})
	if s.fault != nil {
		return failed(name, d.certificateFix(s), "%v", s.fault)
	}
	if err != nil {
		return d.unanswered(ctx, s, name, err)
	}
	seen, err := sub.WaitNotify(0, d.Timeout)
	if err != nil {
		_ = sub.Refresh(ctx, 0)
		return failed(name, "does a firewall or NAT stand between? see 'blfbridge debug presence trace'", "200, but no NOTIFY came: %v", err)
	}
	took := time.Since(began)
	shown, said := d.compare(ctx, sub, event, seen.Lamp)
	if err := sub.Unsubscribe(ctx); err != nil {
		return failed(name, "see 'blfbridge debug presence trace'", "the subscription cannot be ended: %v", err)
	}
	if v := sub.Violations(); len(v) > 0 {
		return failed(name, "this is a fault of the server: report it with 'blfbridge debug presence trace'", "%s", v[0])
	}
	if !said.agrees(event, shown) {
		return failed(name, "does the line ring on other devices, or have options such as unregistered_as? 'blfbridge policy export', lines; else see blfbridge_drift_total",
			"line %s: the lamp shows %s, %s says %s", d.Watch.Line, lampText(shown), said.by, said)
	}
	detail := fmt.Sprintf("line %s: %s in %d ms", d.Watch.Line, lampText(shown), took.Milliseconds())
	if said.by != "" {
		detail += ", as " + said.by + " says"
	}
	if s.note != "" {
		detail += "; " + s.note
	}
	return ok(name, "%s", detail)
}

// compare gives the lamp time to become what the PBX says, which it asks again after each
// NOTIFY and at last.
func (d *Doctor) compare(ctx context.Context, sub *siptest.Subscription, event string, shown siptest.Lamp) (siptest.Lamp, pbxState) {
	end := time.Now().Add(patience)
	for {
		heard := len(sub.History())
		said := d.expected(ctx)
		if last, ok := sub.Last(); ok {
			shown = last.Lamp
		}
		left := time.Until(end)
		if said.agrees(event, shown) || left <= 0 || ctx.Err() != nil {
			return shown, said
		}
		if _, err := sub.WaitNotify(heard, left); err != nil && time.Now().Before(end) {
			return shown, said // the watch is over
		}
	}
}

func lampText(l siptest.Lamp) string {
	if l.Held {
		return "held"
	}
	return l.State.String()
}

// unanswered explains a SUBSCRIBE that brought no subscription.
func (d *Doctor) unanswered(ctx context.Context, s *socket, name string, err error) Finding {
	who := cmp.Or(d.Watch.User, d.Watch.Line)
	status := siptest.StatusOf(err)
	switch {
	case errors.Is(err, siptest.ErrTimeout):
		return failed(name, "does the running server have this socket ("+d.key("sip.listen")+", restart it after a change), and does no firewall stand between?", "no answer to SUBSCRIBE")
	case status == 401 || status == 407:
		if d.Watch.Password == "" {
			return warning(name, "give --as USER and --password-file FILE of a phone or user of the policy that has digest credentials", "the socket works, and asks %s for credentials", who)
		}
		return failed(name, "is it the password in the policy (phones, end_users: digest)? 'blfbridge policy export' tells the user names", "the credentials of %s are refused", who)
	case status == 503:
		return failed(name, "raise "+d.key("sip.max_subscriptions")+", or sip.rate there", "503: the server takes no more")
	case status == 489 || status == 406:
		return failed(name, "does another program hold the port? see "+d.key("sip.listen"), "%d: who answers there knows no such lamp", status)
	case status != 0:
		why, explained := d.explain(ctx, who, s.source())
		if explained == status {
			return warning(name, "choose a watcher that may by --as, or a line by --line; 'blfbridge explain "+who+" "+d.Watch.Line+"' tells each step", "the socket works; the policy refuses %s: %s", who, why)
		}
		return failed(name, "see 'blfbridge debug presence errors'", "%d, where the policy says %d %s", status, explained, why)
	}
	return failed(name, "does the running server have this socket ("+d.key("sip.listen")+"), does another program hold the port, or a firewall stand between?", "%v", err)
}

// explain asks the server how it would answer.
func (d *Doctor) explain(ctx context.Context, who, source string) (why string, status int) {
	e, err := d.Server.Explain(ctx, admin.Question{Watcher: who, Target: d.Watch.Line, Source: source})
	if err != nil {
		return err.Error(), 0
	}
	return e.Rule, e.Status
}

// pbxState is what is expected of a lamp.
type pbxState struct {
	state device.State
	dnd   bool
	by    string // who says so; empty: nobody
}

func (s pbxState) String() string {
	if s.dnd && (s.state == device.Idle || s.state == device.Unknown) {
		return device.DND.String()
	}
	return s.state.String()
}

// agrees compares with a lamp: dialog-info can show neither unknown nor do-not-disturb as
// such, and what phones are shown instead is their dialect's.
func (s pbxState) agrees(event string, l siptest.Lamp) bool {
	switch {
	case s.by == "":
		return true
	case event != "dialog":
		return s.String() == l.State.String()
	case s.state == device.Unknown:
		return l.Calls == 0
	case s.String() == device.DND.String():
		return l.State == device.Busy || l.State == device.Idle
	}
	return s.state == l.State
}
