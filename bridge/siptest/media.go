package siptest

import (
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"time"
)

// frame is 20 ms of PCMU (RFC 3551 §4.5.14).
const frame = 160

// sdp is a minimal offer or answer: one PCMU stream.
func (c *Call) sdp(direction string) []byte {
	host, port := c.phone.media()
	c.mu.Lock()
	c.sdpVersion++
	v := c.sdpVersion
	c.mu.Unlock()
	in := "IP4 " + host
	if strings.Contains(host, ":") {
		in = "IP6 " + host
	}
	return fmt.Appendf(nil, "v=0\r\no=- 1 %d IN %s\r\ns=-\r\nc=IN %s\r\nt=0 0\r\n"+
		"m=audio %s RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=%s\r\n", v, in, in, port, direction)
}

// answerTo mirrors an offer's direction.
func (c *Call) answerTo(offer []byte) []byte {
	c.peerSDP(offer)
	for _, d := range [...]struct{ offered, answered string }{
		{"a=sendonly", "recvonly"}, {"a=recvonly", "sendonly"}, {"a=inactive", "inactive"},
	} {
		if strings.Contains(string(offer), d.offered) {
			return c.sdp(d.answered)
		}
	}
	return c.sdp("sendrecv")
}

// peerSDP notes where the peer takes media.
func (c *Call) peerSDP(sdp []byte) {
	var host, port string
	for l := range strings.SplitSeq(string(sdp), "\n") {
		l = strings.TrimSpace(l)
		if a, ok := strings.CutPrefix(l, "c=IN IP"); ok && len(a) > 2 {
			host = a[2:] // behind 4 or 6
		} else if m, ok := strings.CutPrefix(l, "m=audio "); ok && port == "" {
			port, _, _ = strings.Cut(m, " ")
		}
	}
	if host != "" && port != "" && port != "0" {
		c.mu.Lock()
		c.mediaTo = net.JoinHostPort(host, port)
		c.mu.Unlock()
	}
}

// media returns where the phone takes media. The socket is opened once and hardly ever
// read: what the kernel cannot keep it drops.
func (p *Phone) media() (host, port string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	host = "127.0.0.1"
	if p.link != nil {
		host, _, _ = net.SplitHostPort(p.link.Local())
	}
	if p.rtp == nil && !p.dead && !p.cfg.NoMedia {
		c, err := net.ListenPacket("udp", net.JoinHostPort(host, "0"))
		if err != nil {
			p.log.Debug("no media socket", "watcher", p.cfg.User, "error", err)
		} else {
			p.rtp = c
		}
	}
	if p.rtp == nil {
		return host, "9" // the discard port
	}
	if p.cfg.MediaAt != "" {
		host, port, _ = net.SplitHostPort(p.cfg.MediaAt)
		return host, port
	}
	_, port, _ = net.SplitHostPort(p.rtp.LocalAddr().String())
	return host, port
}

// Hears reports whether media comes, or has come, to the phone's own socket.
func (p *Phone) Hears(within time.Duration) bool {
	p.mu.Lock()
	rtp := p.rtp
	p.mu.Unlock()
	if rtp == nil || rtp.SetReadDeadline(time.Now().Add(within)) != nil {
		return false
	}
	_, _, err := rtp.ReadFrom(make([]byte, 12+frame))
	return err == nil
}

// silence sends an empty room (RFC 3550 packets) for as long as the call lasts. Without
// media a PBX waits: FreeSWITCH before it transfers, Asterisk before it answers.
func (c *Call) silence() {
	c.phone.mu.Lock()
	rtp := c.phone.rtp
	c.phone.mu.Unlock()
	if rtp == nil {
		return
	}
	c.phone.spawn(func() {
		packet := make([]byte, 12+frame)
		packet[0] = 2 << 6 // version 2, payload type 0
		copy(packet[8:], token(2))
		for i := 12; i < len(packet); i++ {
			packet[i] = 0xff // PCMU's zero
		}
		t := time.NewTicker(20 * time.Millisecond)
		defer t.Stop()
		for n := uint32(0); ; n++ {
			select {
			case <-t.C:
			case <-c.ended.c():
				return
			case <-c.phone.closed:
				return
			}
			c.mu.Lock()
			to := c.mediaTo
			c.mu.Unlock()
			addr, err := net.ResolveUDPAddr("udp", to)
			if err != nil || to == "" {
				continue
			}
			binary.BigEndian.PutUint16(packet[2:], uint16(n))
			binary.BigEndian.PutUint32(packet[4:], n*frame)
			_, _ = rtp.WriteTo(packet, addr) // media may be lost
		}
	})
}
