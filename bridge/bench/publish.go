package bench

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"time"
)

// publisher changes lines of a presence server by PUBLISH (RFC 3903), one document per
// line, as a PBX in front of such a server does. Only one goroutine uses it.
type publisher struct {
	sock  *socket
	host  string
	run   string
	cseq  uint32
	etags []string
	head  head
}

// published is how many PUBLISHes are outstanding at most: a socket's buffer holds them.
const published = 32

func newPublisher(server netip.AddrPort, lines int, run string) (*publisher, error) {
	s, err := openSocket(server)
	if err != nil {
		return nil, err
	}
	return &publisher{sock: s, host: server.String(), run: run, etags: make([]string, lines)}, nil
}

// publish sends the documents of a range of lines, and returns when all are accepted.
func (p *publisher) publish(ctx context.Context, first, count int, on bool) error {
	p.cseq++
	waiting := make(map[int]time.Time, published)
	next, refused := first, 0
	for done := 0; done < count; {
		for ; next < first+count && len(waiting) < published; next++ {
			p.send(next, on)
			waiting[next] = time.Now()
		}
		p.sock.flush()
		p.sock.receive(50*time.Millisecond, func(msg []byte) {
			h := &p.head
			if !h.scan(msg) || h.status < 200 || h.cseq != p.cseq || waiting[h.index].IsZero() {
				return
			}
			delete(waiting, h.index)
			done++
			if h.status > 299 {
				refused = h.status
				return
			}
			p.etags[h.index] = string(h.etag)
		})
		if refused != 0 {
			return fmt.Errorf("bench: PUBLISH is answered with %d", refused)
		}
		for i, sent := range waiting {
			if time.Since(sent) > t1 {
				p.send(i, on)
				waiting[i] = time.Now()
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

func (p *publisher) send(i int, on bool) {
	b := p.sock.next()
	number := strconv.Itoa(firstLine + i)
	uri := "sip:" + number + "@" + p.host
	state := ""
	if on {
		state = `<dialog id="c` + number + `" direction="recipient"><state>early</state><remote><identity display="Bob Two">sip:102@` + p.host +
			`</identity><target uri="sip:102@` + p.host + `"/></remote><local><identity>` + uri + `</identity></local></dialog>`
	}
	body := `<?xml version="1.0" encoding="UTF-8"?><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="` +
		strconv.Itoa(int(p.cseq)) + `" state="full" entity="` + uri + `">` + state + `</dialog-info>`
	b = fmt.Appendf(b, "PUBLISH %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch="+ours+"%d.%d%s\r\nMax-Forwards: 70\r\n"+
		"From: <%s>;tag=b%d\r\nTo: <%s>\r\nCall-ID: %d%s@pbx\r\nCSeq: %d PUBLISH\r\nEvent: dialog\r\nExpires: 3600\r\n",
		uri, p.sock.local, i, p.cseq, p.run, uri, i, uri, i, p.run, p.cseq)
	if p.etags[i] != "" {
		b = fmt.Appendf(b, "SIP-If-Match: %s\r\n", p.etags[i])
	}
	b = fmt.Appendf(b, "Content-Type: application/dialog-info+xml\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	p.sock.queue(b)
}
