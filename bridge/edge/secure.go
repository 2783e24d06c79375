package edge

import (
	"blfbridge/bridge/sipmsg"
	"blfbridge/bridge/subscription"
)

// isSIPS reports whether a URI demands TLS on every hop.
func isSIPS(uri []byte) bool { return len(uri) > 5 && sipmsg.Fold(uri[:5], "sips:") }

// secure reports whether a SIPS URI may be reached by a transport (RFC 3261 §26.2.2, RFC
// 7118 §5.2).
func secure(t subscription.Transport) bool {
	return t == subscription.TLS || t == subscription.WSS
}

// sips reports whether a request may go on by TLS only: for its request URI as it will be
// sent, or its next Route.
func (w *work) sips(r *way) bool { return r.sips || isSIPS(w.uri()) }

// secured leaves the targets that a request to a SIPS URI may go to; without any it returns
// why. RFC 5630 §5.3: such a request goes on by TLS or not at all, to the last hop too, and
// 480 with warning 380 says so (§6.2).
func (t *target) secured() (r reply, ok bool) {
	var why string
	if t.toPBX() {
		var left []*peer
		for _, p := range t.peers {
			if secure(p.Transport) {
				left = append(left, p)
			}
		}
		t.peers = left
		if len(left) > 0 {
			return r, true
		}
		why = "the PBX is not reached by TLS (pbx.sip); call and register with sip: instead"
	} else {
		if t.gone || secure(t.flow.Transport) {
			return r, true
		}
		why = "the phone has not registered by TLS"
	}
	return reply{status: 480, phrase: "SIPS Not Allowed", extra: `Warning: 380 blfbridge "SIPS Not Allowed: ` + why + "\"\r\n"}, false
}

// scheme begins a URI that takes the place of another: SIPS stays SIPS.
func scheme(uri []byte) string {
	if isSIPS(uri) {
		return "sips:"
	}
	return "sip:"
}
