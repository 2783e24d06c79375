package edge

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"sync/atomic"
	"time"

	"blfbridge/bridge/sipmsg"
)

// checkPrefix begins the branch of the OPTIONS that ask PBXs whether they are there.
const checkPrefix = "z9hG4bKblfo"

// watchPeers asks each PBX now and then, until ctx ends.
func (e *Edge) watchPeers(ctx context.Context) {
	tick := time.NewTicker(e.config.Timers.Check)
	defer tick.Stop()
	for {
		for _, p := range e.peers {
			e.check(ctx, p)
		}
		now := time.Now()
		e.bindings.expire(now)
		e.dialogs.expire(now)
		e.metrics.registrations.Set(float64(e.bindings.count()))
		e.metrics.open.Set(float64(e.transactions()))
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// check counts an OPTIONS that was not answered, and sends the next one.
func (e *Edge) check(ctx context.Context, p *peer) {
	if asked := p.asked.Load(); asked > 0 && p.heard.Load() != asked {
		if p.missed++; p.missed >= e.config.CheckFailures {
			e.mark(p, false)
		}
	} else {
		p.missed = 0
	}
	lookup, cancel := context.WithTimeout(ctx, 2*time.Second)
	err := e.resolve(lookup, p)
	cancel()
	if err != nil {
		e.log.Debug("a PBX's SIP address cannot be resolved", "pbx", p.Name, "error", err)
	}
	n := p.asked.Add(1)
	if f := p.flow.Load(); f != nil {
		_ = e.send(p, e.options(p, n))
	}
}

// mark notes whether a PBX is up.
func (e *Edge) mark(p *peer, up bool) {
	if p.up.Swap(up) == up {
		return
	}
	e.metrics.up.WithLabelValues(p.Name).Set(float64(btoi(up)))
	if up {
		e.log.Info("a PBX answers SIP again", "pbx", p.Name)
		return
	}
	e.log.Warn("a PBX does not answer SIP; others are tried first", "pbx", p.Name)
}

// options is RFC 3261 §11's question.
func (e *Edge) options(p *peer, n uint32) []byte {
	f := *p.flow.Load()
	host := e.host(true, f)
	var id [12]byte
	binary.BigEndian.PutUint32(id[:], p.id)
	binary.BigEndian.PutUint32(id[4:], n)
	binary.BigEndian.PutUint32(id[8:], uint32(e.branches.sum(id[:8])))
	mark := base64.RawURLEncoding.EncodeToString(id[:])
	b := append([]byte("OPTIONS sip:"), f.Remote.String()...)
	b = appendTransport(b, f.Transport)
	b = append(append(append(b, " SIP/2.0\r\nVia: SIP/2.0/"...), f.Transport.String()...), ' ')
	b = append(append(append(b, host...), ";rport;branch="+checkPrefix...), mark...)
	b = append(append(append(b, "\r\nMax-Forwards: 70\r\nFrom: <sip:edge@"...), host...), ">;tag="...)
	b = append(append(append(b, mark...), "\r\nTo: <sip:"...), f.Remote.String()...)
	b = append(append(b, ">\r\nCall-ID: edge-"...), mark...)
	b = strconv.AppendUint(append(b, "\r\nCSeq: "...), uint64(n), 10)
	return append(b, " OPTIONS\r\nUser-Agent: blfbridge\r\nContent-Length: 0\r\n\r\n"...)
}

// checked takes the answer to an OPTIONS of ours; false if it is none. Whatever a PBX
// answers shows that it is there, but for a 503.
func (e *Edge) checked(branch []byte, m *sipmsg.Message) bool {
	if len(branch) <= len(checkPrefix) || string(branch[:len(checkPrefix)]) != checkPrefix {
		return false
	}
	id, err := base64.RawURLEncoding.DecodeString(string(branch[len(checkPrefix):]))
	if err != nil || len(id) != 12 || binary.BigEndian.Uint32(id[8:]) != uint32(e.branches.sum(id[:8])) {
		return true
	}
	for _, p := range e.peers {
		if p.id == binary.BigEndian.Uint32(id) && m.Status >= 200 && m.Status != 503 {
			heard(&p.heard, binary.BigEndian.Uint32(id[4:]))
			e.mark(p, true)
		}
	}
	return true
}

// heard keeps the newest.
func heard(at *atomic.Uint32, n uint32) {
	for old := at.Load(); n > old; old = at.Load() {
		if at.CompareAndSwap(old, n) {
			return
		}
	}
}
