package doctor

import "testing"

func TestServerAt(t *testing.T) {
	for server, want := range map[string]string{
		"udp://192.0.2.1:5070":     "udp 192.0.2.1:5070",
		"tcp://[2001:db8::1]":      "tcp [2001:db8::1]:5060",
		"udp://blf-blfbridge:5060": "udp blf-blfbridge:5060",
		"tls://blf.example":        "tls blf.example:5061",
		"blf.example:5060":         "",
		"http://blf.example":       "",
		"udp://":                   "",
	} {
		transport, addr, err := serverAt(server)
		if got := transport + " " + addr; (err != nil) != (want == "") || err == nil && got != want {
			t.Errorf("%s: %s %v, want %q", server, got, err, want)
		}
	}
}
