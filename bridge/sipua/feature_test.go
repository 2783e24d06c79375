package sipua

import (
	"net/netip"
	"testing"
)

// TestInactive: the first audio stream is accepted without media, the rest rejected, in
// the order of the offer (RFC 3264 §6).
func TestInactive(t *testing.T) {
	four, six := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	head := "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
	for offer, want := range map[string]string{
		"": "m=audio 9 RTP/AVP 0 8\r\na=inactive\r\n",
		"v=0\r\nm=audio 4000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n":                                "m=audio 9 RTP/AVP 8 101\r\na=inactive\r\n",
		"m=video 4002 RTP/AVP 99\nm=audio 0 RTP/AVP 0\nm=audio 4000 RTP/SAVP 0\nm=audio 4 RTP/AVP 0\n": "m=video 0 RTP/AVP 99\r\nm=audio 0 RTP/AVP 0\r\nm=audio 9 RTP/SAVP 0\r\na=inactive\r\nm=audio 0 RTP/AVP 0\r\n",
		"m=audio\r\n": "m=audio 9 RTP/AVP 0 8\r\na=inactive\r\n",
	} {
		if got := string(inactive([]byte(offer), four)); got != head+want {
			t.Errorf("to %q:\n%q, want\n%q", offer, got, head+want)
		}
	}
	if got := string(inactive(nil, six)); got[:29] != "v=0\r\no=- 0 0 IN IP6 ::\r\ns=-\r\n" {
		t.Errorf("%q", got)
	}
}
