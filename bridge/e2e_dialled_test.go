package bridge_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"blfbridge/bridge/siptest"
)

// dials calls a code from a phone and returns the final status; what is answered must be
// ended by the bridge, too.
func dials(t *testing.T, p *siptest.Phone, code string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), lampTime)
	defer cancel()
	c, err := p.Dial(ctx, code)
	if err != nil {
		t.Fatal(err)
	}
	status, err := c.WaitFinal(ctx)
	if err == nil {
		err = c.WaitEnded(ctx)
	}
	if err != nil {
		t.Fatalf("%s: %d, %v", code, status, err)
	}
	return status
}

// TestDialledLogin: a phone logs its user in and out by dialling; without the PIN it does
// not, and guessing is slowed down.
func TestDialledLogin(t *testing.T) {
	t.Parallel()
	onStores(t, func(t *testing.T, st *storage) {
		nobody := "  - {name: nobody, type: asterisk, url: \"http://127.0.0.1:1\", username: a, password: b}\n"
		policy := strings.Replace(hotdesk, "{name: WATCHER,", "{name: DIGEST, lines: [\"1004\"], extension_mobility: true, digest: {username: \"1004\", password: pw1004}}\n      - {name: WATCHER,", 1)
		s := newServer(t, setup{store: st, pbx: nobody})
		s.run()
		s.eventually(6*lampTime, "the bridge to take a policy", func() error {
			if code, body := s.ask(http.MethodPut, "/api/v1/policy", policy); code != 200 {
				return errors.New(body)
			}
			return nil
		})
		logins := func(want string) {
			t.Helper()
			if _, body := s.get("/api/v1/logins"); !strings.Contains(body, want) {
				t.Errorf("%s, want %s", body, want)
			}
		}
		phone := func(c siptest.Config) *siptest.Phone {
			c.Proxy, c.Domain = s.udp, "127.0.0.1"
			p, err := siptest.NewPhone(c)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				for _, v := range p.Strays() {
					t.Error(v)
				}
				p.Close()
			})
			return p
		}
		lobby, overTCP := phone(siptest.Config{User: "1006"}), phone(siptest.Config{User: "1006", TCP: true})
		for _, c := range []struct {
			phone  *siptest.Phone
			code   string
			status int
			then   string
		}{
			{lobby, "*562001*0815", 200, `"phone":"LOBBY","user_id":"ann","profile":"desk"`},
			{lobby, "*57", 200, `"total":0`},
			{lobby, "*57", 200, `"total":0`}, // as wanted already
			{overTCP, "*56ann*0815", 200, `"by":"phone"`},
			{overTCP, "*57", 200, `"total":0`},
			{phone(siptest.Config{User: "1004", Password: "pw1004"}), "*56ann*0815", 200, `"phone":"DIGEST"`},
			{phone(siptest.Config{User: "1005"}), "*56ann*0815", 403, `"phone":"DIGEST"`}, // no extension mobility
			{phone(siptest.Config{User: "4711"}), "*56ann*0815", 403, `"phone":"DIGEST"`}, // nobody's phone
			{lobby, "*58", 405, `"phone":"DIGEST"`},
			{lobby, "*56", 405, `"phone":"DIGEST"`},
			{lobby, "*56ann*7305918264", 403, `"phone":"DIGEST"`},
			{lobby, "*56ann", 403, `"phone":"DIGEST"`},
			{lobby, "*56eve*0815", 403, `"phone":"DIGEST"`},
			{lobby, "*56ann*0815", 403, `"phone":"DIGEST"`}, // right, and too soon
		} {
			if got := dials(t, c.phone, c.code); got != c.status {
				t.Errorf("%s dials %s: %d, want %d", c.phone.User(), c.code, got, c.status)
			}
			logins(c.then)
		}
		s.logged(lampTime, "level=WARN", "a login was refused", "LOBBY")
		if strings.Contains(s.log.String(), "7305918264") {
			t.Error("the PIN that was tried is in the log")
		}
	})
}
