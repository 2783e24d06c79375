package sipua

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"blfbridge/bridge/eventpkg"
	"blfbridge/bridge/notifier"
	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

func TestSubscribeAccepted(t *testing.T) {
	r := newRig(t, nil)
	p := r.udpPhone()
	req := subscribeTo("sip:1001@example.test", p.addr()).
		line("Record-Route: <sip:10.0.0.1;lr>, <sip:10.0.0.2;lr>").line("Record-Route: <sip:10.0.0.3;lr>").
		line("User-Agent: Yealink SIP-T46S 66.85.0.5").with("Event", "dialog;id=7;x=y")
	res := p.ask(req.String())
	if res.code != 200 || res.get("Expires") != "600" || !strings.HasSuffix(res.get("To"), ";tag=lt") {
		t.Fatalf("got\n%s", res.raw)
	}
	if want := "<sip:1001@" + r.udp.String() + ">"; res.get("Contact") != want {
		t.Errorf("Contact %q, want %q", res.get("Contact"), want)
	}
	if got, want := res.get("Record-Route"), "<sip:10.0.0.1;lr>, <sip:10.0.0.2;lr> | <sip:10.0.0.3;lr>"; got != want {
		t.Errorf("Record-Route %q, want %q", got, want)
	}
	if got := res.get("From"); got != `"Ann" <sip:1002@example.test>;tag=ft` {
		t.Errorf("From %q", got)
	}
	if res.get("Allow-Events") != allowEvents || res.get("Call-ID") != req.callID || res.get("CSeq") != "1 SUBSCRIBE" {
		t.Errorf("got\n%s", res.raw)
	}
	s := next(t, r.rec.subscribes, "SUBSCRIBE")
	s.Answer, s.Received = nil, time.Time{}
	// The first route is the next hop.
	flow := notifier.Flow{Transport: subscription.UDP, Local: r.udp, Remote: netip.MustParseAddrPort("10.0.0.1:5060")}
	if s.Flow != flow {
		t.Errorf("flow %v, want %v", s.Flow, flow)
	}
	dialect := eventpkg.DialectFor("Yealink SIP-T46S 66.85.0.5")
	want := subscription.Cold{
		CallID: req.callID, RemoteTag: "ft", LocalURI: "<sip:1001@example.test>", RemoteURI: `"Ann" <sip:1002@example.test>`,
		RemoteTarget: "sip:1002@" + p.addr().String(), Routes: "<sip:10.0.0.1;lr>, <sip:10.0.0.2;lr>, <sip:10.0.0.3;lr>",
		Transport: "UDP", Local: r.udp.String(), Remote: flow.Remote.String(), Advertised: r.udp.String(),
		EventID: "7", EventParams: ";x=y", Entity: "sip:1001@example.test", DialectName: dialect.String(),
		Tenant: "default", Partition: s.Decision.Line.Partition, Number: "1001", WatcherTenant: "default",
		WatcherID: "1002@example.test", UserAgent: "Yealink SIP-T46S 66.85.0.5",
	}
	if s.Cold != want {
		t.Errorf("cold\n%+v, want\n%+v", s.Cold, want)
	}
	if s.Expires != 600*time.Second || s.CSeq != 1 || s.Package != subscription.Dialog || s.Dialect != dialect ||
		s.LocalTag != "" || !s.Watcher.Trusted || !s.Decision.Allow() || s.Decision.Line.Number != "1001" {
		t.Errorf("subscribe %+v", s)
	}
}

// TestIntakeRules is the table of DESIGN §3 "the request itself": what is changed in a good
// SUBSCRIBE, the status, and a header of the response that must contain a text.
func TestIntakeRules(t *testing.T) {
	const uri = "sip:1001@example.test"
	for name, c := range map[string]struct {
		change func(*request)
		status int
		header string
		has    string
	}{
		"plain":               {func(*request) {}, 200, "Expires", "600"},
		"expires absent":      {func(q *request) { q.with("Expires", "") }, 200, "Expires", "3600"},
		"expires long":        {func(q *request) { q.with("Expires", "86400") }, 200, "Expires", "3600"},
		"expires brief":       {func(q *request) { q.with("Expires", "59") }, 423, "Min-Expires", "60"},
		"expires minimum":     {func(q *request) { q.with("Expires", "60") }, 200, "Expires", "60"},
		"expires zero":        {func(q *request) { q.with("Expires", "0") }, 200, "Expires", "0"},
		"expires malformed":   {func(q *request) { q.with("Expires", "soon") }, 400, "", ""},
		"expires negative":    {func(q *request) { q.with("Expires", "-1") }, 400, "", ""},
		"expires beyond 2^32": {func(q *request) { q.with("Expires", "4294967296") }, 400, "", ""},
		"expires twice":       {func(q *request) { q.line("Expires: 60") }, 400, "", ""},
		"event unknown":       {func(q *request) { q.with("Event", "message-summary") }, 489, "Allow-Events", "dialog, presence"},
		"event absent":        {func(q *request) { q.with("Event", "") }, 489, "Allow-Events", "dialog"},
		"event winfo":         {func(q *request) { q.with("Event", "presence.winfo") }, 489, "", ""},
		"event twice":         {func(q *request) { q.line("Event: dialog") }, 400, "", ""},
		"event compact":       {func(q *request) { q.with("Event", "").line("o: presence") }, 200, "", ""},
		"event case":          {func(q *request) { q.with("Event", "Dialog") }, 200, "", ""},
		"event one dialog":    {func(q *request) { q.with("Event", "dialog;call-id=x@y") }, 403, "", ""},
		"accept other":        {func(q *request) { q.line("Accept: text/plain") }, 406, "Accept", "dialog-info"},
		"accept wildcard":     {func(q *request) { q.line("Accept: */*") }, 200, "", ""},
		"accept cisco":        {func(q *request) { q.with("Event", "presence").line("Accept: application/cpim-pidf+xml") }, 200, "", ""},
		"require":             {func(q *request) { q.line("Require: recipient-list-subscribe") }, 420, "Unsupported", "recipient-list-subscribe"},
		"require empty":       {func(q *request) { q.line("Require: ") }, 200, "", ""},
		"supported compact":   {func(q *request) { q.line("k: replaces").line("u: dialog").line("e: ") }, 200, "", ""},
		"contact absent":      {func(q *request) { q.with("Contact", "") }, 400, "", ""},
		"contact star":        {func(q *request) { q.with("Contact", "*") }, 400, "", ""},
		"contact two":         {func(q *request) { q.with("Contact", "<sip:a@127.0.0.1>, <sip:b@127.0.0.1>") }, 400, "", ""},
		"contact doubled":     {func(q *request) { q.line("Contact: <sip:b@127.0.0.1>") }, 400, "", ""},
		"contact http":        {func(q *request) { q.with("Contact", "<http://127.0.0.1/>") }, 400, "", ""},
		"contact unclosed":    {func(q *request) { q.with("Contact", "<sip:a@127.0.0.1") }, 400, "", ""},
		"contact compact":     {func(q *request) { q.with("Contact", "").line("m: <sip:a@127.0.0.1>") }, 200, "", ""},
		"max-forwards zero":   {func(q *request) { q.with("Max-Forwards", "0") }, 483, "", ""},
		"max-forwards odd":    {func(q *request) { q.with("Max-Forwards", "many") }, 400, "", ""},
		"max-forwards absent": {func(q *request) { q.with("Max-Forwards", "") }, 200, "", ""},
		"from without tag":    {func(q *request) { q.with("From", "<sip:1002@example.test>") }, 400, "", ""},
		"from bad":            {func(q *request) { q.with("From", `"Ann <sip:1002@example.test>;tag=x`) }, 400, "", ""},
		"from bare":           {func(q *request) { q.with("From", "sip:1002@example.test;tag=x") }, 200, "", ""},
		"to bad":              {func(q *request) { q.with("To", "<sip:1001@") }, 400, "", ""},
		"record-route bad":    {func(q *request) { q.line("Record-Route: <nonsense>") }, 400, "", ""},
		"uri scheme":          {func(q *request) { q.uri = "nobodyKnowsThisScheme:totallyopaquecontent"; q.with("To", "<"+uri+">") }, 416, "", ""},
		"uri tel":             {func(q *request) { q.uri = "tel:1001;phone-context=x"; q.with("To", "<"+uri+">") }, 200, "", ""},
		"uri sips":            {func(q *request) { q.uri = "sips:1001@example.test" }, 480, "", ""},
		"uri sips, relayed": {func(q *request) {
			q.uri = "sips:1001@example.test"
			q.line("Via: SIP/2.0/TLS 192.0.2.1;branch=z9hG4bKphone")
		}, 200, "", ""},
		"uri unknown number":   {func(q *request) { q.uri = "sip:2001@example.test" }, 404, "", ""},
		"uri escaped pickup":   {func(q *request) { q.uri = "sip:%2A891001@example.test" }, 200, "Contact", "<sip:1001@"},
		"uri pickup":           {func(q *request) { q.uri = "sip:*891001@example.test" }, 200, "Contact", "<sip:1001@"},
		"uri bare pickup":      {func(q *request) { q.uri = "sip:*89@example.test" }, 200, "Contact", "<sip:*89@"},
		"uri user param":       {func(q *request) { q.uri = "sip:1001;x=y@example.test;user=phone" }, 200, "Contact", "<sip:1001@"},
		"uri without user":     {func(q *request) { q.uri = "sip:127.0.0.1:5060"; q.with("To", "<"+uri+">") }, 200, "Contact", "<sip:1001@"},
		"uri and to anonymous": {func(q *request) { q.uri = "sip:127.0.0.1:5060" }, 404, "", ""},
		"event id long":        {func(q *request) { q.with("Event", "dialog;id="+strings.Repeat("x", maxIdentifier+1)) }, 400, "", ""},
		"call-id long":         {func(q *request) { q.callID = strings.Repeat("x", maxIdentifier+1) }, 400, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			p := r.udpPhone()
			q := subscribeTo(uri, p.addr())
			c.change(q)
			res := p.ask(q.String())
			if res.code != c.status || !strings.Contains(res.get(c.header), c.has) {
				t.Fatalf("got\n%s\nwant %d with %s: %s", res.raw, c.status, c.header, c.has)
			}
			if res.get("To") == "" || !strings.Contains(res.get("To"), "tag=") {
				t.Errorf("no To tag: %s", res.raw)
			}
			if w := res.get("Warning"); (c.status == 400) != strings.HasPrefix(w, `399 blfbridge "`) {
				t.Errorf("%d with Warning %q: a 400 says what is wrong", c.status, w)
			}
			if c.status == 200 {
				next(t, r.rec.subscribes, "SUBSCRIBE")
			} else {
				none(t, r.rec.subscribes, "SUBSCRIBE")
			}
		})
	}
}

func TestYealinkTargetInTo(t *testing.T) {
	r := newRig(t, nil)
	p := r.udpPhone()
	q := subscribeTo("sip:"+r.udp.String(), p.addr()).with("To", `"BLF" <sip:*891001@example.test>`)
	if res := p.ask(q.String()); res.code != 200 {
		t.Fatal(res.raw)
	}
	s := next(t, r.rec.subscribes, "SUBSCRIBE")
	if s.Cold.Entity != "sip:*891001@example.test" || s.Cold.Number != "1001" {
		t.Errorf("entity %q number %q", s.Cold.Entity, s.Cold.Number)
	}
}

func TestNotifierAnswers(t *testing.T) {
	r := newRig(t, nil)
	p := r.udpPhone()
	give := func(a notifier.Answer) {
		r.rec.answers(func(s notifier.Subscribe) { go s.Answer(a) })
	}
	give(notifier.Answer{Status: 481})
	q := subscribeTo("sip:1001@"+r.udp.String(), p.addr()).with("To", "<sip:1001@example.test>;tag=gone")
	if res := p.ask(q.String()); res.code != 481 || res.get("To") != "<sip:1001@example.test>;tag=gone" {
		t.Error(res.raw)
	}
	if s := next(t, r.rec.subscribes, "SUBSCRIBE"); s.LocalTag != "gone" || s.Cold.Routes != "" {
		t.Errorf("%+v", s)
	}
	give(notifier.Answer{Status: 503, RetryAfter: 4 * time.Second})
	if res := p.ask(subscribeTo("sip:1001@x.test", p.addr()).String()); res.code != 503 || res.get("Retry-After") == "" {
		t.Error(res.raw)
	}
}

// TestRefreshKeepsTarget: within a dialog the request URI is our Contact, which tells no tenant.
func TestRefreshKeepsTarget(t *testing.T) {
	snap := compile(t, policy.Document{Tenants: []policy.Tenant{
		{Name: "a", Domains: []string{"a.test"}}, {Name: "b", Domains: []string{"b.test"}},
	}})
	r := newRig(t, func(c *Config) { c.Policy = func() *policy.Snapshot { return snap } })
	p := r.udpPhone()
	for _, to := range []string{"<sip:1001@b.test>", "<sip:1001@b.test>;tag=lt"} {
		uri := "sip:1001@b.test"
		if strings.Contains(to, "tag") {
			uri = "sip:1001@" + r.udp.String()
		}
		q := subscribeTo(uri, p.addr()).with("To", to).with("From", "<sip:1002@b.test>;tag=ft")
		if res := p.ask(q.String()); res.code != 200 {
			t.Fatal(res.raw)
		}
		if s := next(t, r.rec.subscribes, "SUBSCRIBE"); s.Decision.Line.Tenant != "b" || s.Watcher.Tenant != "b" {
			t.Errorf("%s: line %v watcher %v", to, s.Decision.Line, s.Watcher)
		}
	}
	// Another tenant's lines do not exist.
	q := subscribeTo("sip:1001@b.test", p.addr()).with("From", "<sip:1002@a.test>;tag=ft")
	if res := p.ask(q.String()); res.code != 404 {
		t.Error(res.raw)
	}
	if res := p.ask(subscribeTo("sip:1001@c.test", p.addr()).String()); res.code != 404 {
		t.Error(res.raw)
	}
}

func TestMaxSubscriptions(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.MaxSubscriptions = 5
		c.Counts = func(policy.Watcher) policy.Counts { return policy.Counts{Total: 5} }
	})
	p := r.udpPhone()
	if res := p.ask(subscribeTo("sip:1001@x.test", p.addr()).String()); res.code != 503 || res.get("Retry-After") == "" {
		t.Error(res.raw)
	}
	refresh := subscribeTo("sip:1001@x.test", p.addr()).with("To", "<sip:1001@x.test>;tag=lt")
	if res := p.ask(refresh.String()); res.code != 200 {
		t.Error("a refresh was counted: ", res.raw)
	}
	if res := p.ask(subscribeTo("sip:1001@x.test", p.addr()).with("Expires", "0").String()); res.code != 200 {
		t.Error("a fetch was counted: ", res.raw)
	}
}

func TestOneDialogOnlyForOwnPhone(t *testing.T) {
	snap := compile(t, policy.Document{Tenants: []policy.Tenant{{
		Name:   "a",
		Phones: []policy.Phone{{Name: "SEP1", Lines: []string{"1001"}}, {Name: "SEP2", Lines: []string{"1002"}}},
	}}})
	r := newRig(t, func(c *Config) { c.Policy = func() *policy.Snapshot { return snap } })
	p := r.udpPhone()
	for from, want := range map[string]int{"1001": 200, "1002": 403} {
		q := subscribeTo("sip:1001@a.test", p.addr()).with("Event", "dialog;call-id=1;from-tag=2").
			with("From", "<sip:"+from+"@a.test>;tag=ft")
		if res := p.ask(q.String()); res.code != want {
			t.Errorf("%s: got %s, want %d", from, res.raw, want)
		}
	}
}

func TestMethods(t *testing.T) {
	r := newRig(t, nil)
	p := r.udpPhone()
	for _, c := range []struct {
		method, to string
		status     int
		header     string
	}{
		{"OPTIONS", "", 200, "Allow"}, {"NOTIFY", ";tag=x", 481, ""}, {"NOTIFY", "", 481, ""},
		{"REGISTER", "", 405, "Allow"}, {"INVITE", "", 405, "Allow"}, {"BYE", ";tag=x", 481, ""},
		{"CANCEL", "", 481, ""}, {"MESSAGE", "", 405, "Allow"}, {"PUBLISH", "", 405, "Allow"},
		{"NEWMETHOD", "", 501, "Allow"}, {"INFO", "", 405, "Allow"}, {"INFO", ";tag=x", 481, ""},
	} {
		q := subscribeTo("sip:1001@x.test", p.addr()).with("To", "<sip:1001@x.test>"+c.to)
		q.method = c.method
		res := p.ask(q.String())
		if res.code != c.status || c.header != "" && res.get(c.header) == "" {
			t.Errorf("%s%s: got\n%s", c.method, c.to, res.raw)
		}
		if c.method == "OPTIONS" && (res.get("Accept") != accepts || res.get("Allow-Events") != allowEvents) {
			t.Error(res.raw)
		}
	}
	ack := subscribeTo("sip:1001@x.test", p.addr())
	ack.method = "ACK"
	// The INVITE above is answered 405 again and again until its ACK; read on.
	for {
		if _, more := p.tryRead(50 * time.Millisecond); !more {
			break
		}
	}
	q := newUDPPhone(t, "127.0.0.1:0", r.udp)
	q.send(ack.String())
	q.silent()
}
