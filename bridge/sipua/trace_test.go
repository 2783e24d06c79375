package sipua

import (
	"strings"
	"testing"
)

func TestMaskCredentials(t *testing.T) {
	msg := "SUBSCRIBE sip:1001@x SIP/2.0\r\nFrom: <sip:ann:hunter2@x>;tag=1\r\n" +
		`Authorization: Digest username="ann", realm="acme", nonce="n1", uri="sip:1001@x", response="deadbeef", cnonce="c0ffee", nc=00000001` +
		"\r\nProxy-Authorization: Basic YW5uOnB3\r\nProxy-Authorization: Digest response=beef\r\n\r\n"
	got := maskCredentials(msg)
	for _, secret := range []string{"deadbeef", "c0ffee", "hunter2", "YW5uOnB3", "beef"} {
		if strings.Contains(got, secret) {
			t.Errorf("%s is shown: %s", secret, got)
		}
	}
	for _, shown := range []string{`username="ann"`, `nonce="n1"`, "sip:ann:***@x", "nc=00000001", `response="***"`} {
		if !strings.Contains(got, shown) {
			t.Errorf("%s is not shown: %s", shown, got)
		}
	}
	if plain := "OPTIONS sip:a@b:5060 SIP/2.0\r\nVia: x\r\n\r\nResponse of the body"; maskCredentials(plain) != plain {
		t.Errorf("got %s", maskCredentials(plain))
	}
}
