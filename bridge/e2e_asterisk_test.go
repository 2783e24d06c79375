package bridge_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"blfbridge/bridge/siptest"
	"blfbridge/bridge/siptest/lab"
)

// pbx is a real Asterisk of this package's own. Each kind of store has one, so that the
// tests of both run at the same time; within one they take turns.
type pbx struct {
	lab.Asterisk
	addr lab.Address
	turn sync.Mutex
	up   bool
}

var asterisks = map[string]*pbx{
	"bolt":    {Asterisk: lab.Asterisk{Scripts: "../scripts/pbx/asterisk", Name: "bridgebolt", SIPPort: 14890, HTTPPort: 17890, RTP: "19400-19498"}},
	"clients": {Asterisk: lab.Asterisk{Scripts: "../scripts/pbx/asterisk", Name: "bridgeclients", SIPPort: 15970, HTTPPort: 18970, RTP: "20700-20798"}},
	"edge":    {Asterisk: lab.Asterisk{Scripts: "../scripts/pbx/asterisk", Name: "bridgeedge", SIPPort: 15966, HTTPPort: 18966, RTP: "20500-20548", SIPSPort: 15968, IPv6: true}},
	"edge2":   {Asterisk: lab.Asterisk{Scripts: "../scripts/pbx/asterisk", Name: "bridgeedgetwo", SIPPort: 15967, HTTPPort: 18967, RTP: "20550-20598"}},
	"nat":     {Asterisk: lab.Asterisk{Scripts: "../scripts/pbx/asterisk", Name: "bridgenat", SIPPort: 15965, HTTPPort: 18965, RTP: "20400-20498"}},
	"pickup":  {Asterisk: lab.Asterisk{Scripts: "../scripts/pbx/asterisk", Name: "bridgepickup", SIPPort: 15978, HTTPPort: 18978, RTP: "20600-20698"}},
	"redis":   {Asterisk: lab.Asterisk{Scripts: "../scripts/pbx/asterisk", Name: "bridgeredis", SIPPort: 14891, HTTPPort: 17891, RTP: "19500-19598"}},
}

// alone keeps other runs of these tests from the same Asterisks; it ends with the process.
var alone struct {
	once sync.Once
	file *os.File
	err  error
}

func waitAlone(t *testing.T) {
	t.Helper()
	alone.once.Do(func() {
		name := filepath.Join(os.TempDir(), "blfbridge-bridge-test.lock")
		if alone.file, alone.err = os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600); alone.err == nil {
			alone.err = syscall.Flock(int(alone.file.Fd()), syscall.LOCK_EX)
		}
	})
	if alone.err != nil {
		t.Fatal(alone.err)
	}
}

// stopAsterisks is for TestMain.
func stopAsterisks() {
	for _, a := range asterisks {
		if a.up {
			if err := a.Down(context.Background(), false); err != nil {
				fmt.Println(err)
			}
		}
	}
}

// takeAsterisk gives a test the Asterisk of its store, running and without calls.
func takeAsterisk(t *testing.T, kind string) *pbx {
	t.Helper()
	waitAlone(t)
	a := asterisks[kind]
	a.turn.Lock()
	t.Cleanup(a.turn.Unlock)
	a.start(t)
	if !a.healthy(t) {
		// Earlier tests kill clients of ARI, which may lock it up (Asterisk issue 2170).
		t.Log("this Asterisk's ARI is locked up; Asterisk is restarted")
		a.stop(t, true)
		a.start(t)
	}
	a.cli(t, "channel request hangup all")
	return a
}

// healthy asks for what a locked up ARI does not answer.
func (a *pbx) healthy(t *testing.T) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.addr.ARI+"/applications", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(lab.ARIUser, lab.ARIPassword)
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	return res.Body.Close() == nil && res.StatusCode == http.StatusOK
}

// start starts it unless it runs.
func (a *pbx) start(t *testing.T) {
	t.Helper()
	addr, err := a.Up(t.Context())
	if err != nil {
		t.Fatalf("%v; run scripts/test, which installs Asterisk", err)
	}
	a.addr, a.up = addr, true
}

func (a *pbx) stop(t *testing.T, kill bool) {
	t.Helper()
	if err := a.Down(t.Context(), kill); err != nil {
		t.Fatal(err)
	}
}

func (a *pbx) cli(t *testing.T, command string) string {
	t.Helper()
	out, err := a.CLI(t.Context(), command)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// yaml is its entry in a configuration; more is added to it.
func (a *pbx) yaml(app string, more ...string) string { return a.yamlAt(a.addr.ARI, app, more...) }

func (a *pbx) yamlAt(url, app string, more ...string) string {
	lines := append([]string{
		"name: ast", "type: asterisk", "url: " + url, "username: " + lab.ARIUser, "password: " + lab.ARIPassword, "app: " + app,
	}, more...)
	return "  - " + strings.Join(lines, "\n    ") + "\n"
}

// phones registers extensions; their calls are ended with the test.
func (a *pbx) phones(t *testing.T, numbers ...string) []*siptest.Phone {
	t.Helper()
	var out []*siptest.Phone
	for _, n := range numbers {
		p, err := siptest.NewPhone(siptest.Config{User: n, Password: "pw" + n, Proxy: a.addr.SIP, Domain: "127.0.0.1"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Close)
		if err := p.Register(t.Context(), 10*time.Minute); err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

// callTime bounds each step of a call: what never arrives fails its own test, not the run.
const callTime = 30 * time.Second

// call lets from call to, and to answer.
func call(t *testing.T, from, to *siptest.Phone) *siptest.Call {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), callTime)
	defer cancel()
	c := ring(t, from, to)
	in, err := to.Incoming(ctx)
	if err == nil {
		err = in.Answer()
	}
	if err == nil {
		err = c.WaitAnswered(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ring lets from call to, until it rings.
func ring(t *testing.T, from, to *siptest.Phone) *siptest.Call {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), callTime)
	defer cancel()
	to.ForgetIncoming()
	c, err := from.Dial(ctx, to.User())
	if err == nil {
		err = c.WaitRinging(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}
