package sipua

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"syscall"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"

	"blfbridge/bridge/notifier"
)

// maxPassed is the largest message that sipgo reads from a datagram, and the read
// buffer of every connection: at sipgo's default an idle one costs 38 kB, so 9.
const maxPassed = 4096

func init() {
	// Variables of the library, set before anything can read them.
	sip.TransportBufferReadSize = maxPassed
	// RFC 3261 §18.1.1 limits requests; a response goes back by the transport of its
	// request, whatever its size. NOTIFYs keep to the limit without sipgo.
	sip.UDPMTUSize = maxDatagram + 200
	sip.SetDefaultLogger(slog.New(slog.DiscardHandler))
}

// newStack makes sipgo's part: parser, transport layer, transactions and the server that
// calls handlers. arrived is called for each message in wire order, before sipgo gives
// it a goroutine of its own; stray for responses that match no transaction.
func newStack(log *slog.Logger, m *metrics, arrived sip.MessageHandler, stray func(*sip.Response)) (*sipgo.UserAgent, *sipgo.Server, error) {
	quiet := slog.New(sipgoLog{log.Handler(), m})
	ua, err := sipgo.NewUA(
		sipgo.WithUserAgent("blfbridge"),
		sipgo.WithUserAgentParser(newParser()),
		sipgo.WithUserAgentTransportLayerOptions(
			sip.WithTransportLayerLogger(quiet),
			func(l *sip.TransportLayer) { l.OnMessage(arrived) },
			sip.WithTransportLayerTransports(sip.TransportsConfig{TCP: &sip.TransportTCP{DialerCreate: refuseDial}}),
		),
		sipgo.WithUserAgentTransactionLayerOptions(
			sip.WithTransactionLayerLogger(quiet),
			sip.WithTransactionLayerUnhandledResponseHandler(stray),
			sip.WithTransactionLayerTerminateOnConnClose(),
		),
	)
	if err != nil {
		return nil, nil, err
	}
	srv, err := sipgo.NewServer(ua, sipgo.WithServerLogger(quiet))
	return ua, srv, err
}

// refuseDial keeps sipgo from connecting to what a Via names when the connection of a
// request is gone: anybody could make us connect anywhere.
func refuseDial(net.Addr) net.Dialer {
	return net.Dialer{Control: func(string, string, syscall.RawConn) error { return notifier.ErrNoFlow }}
}

// newParser returns sipgo's parser with headers that never fail a message: one that
// cannot be read stays as text, for the handler to refuse with a status. It keeps From,
// To, Contact and Record-Route as they were sent, because they are sent back, and knows
// the compact forms that sipgo does not (RFC 6665 §8.4: o, u; RFC 3261 §7.3.3: k, e).
func newParser() *sip.Parser {
	headers := make(map[string]sip.HeaderParser)
	for name, parse := range sip.DefaultHeadersParser() {
		headers[name] = lenient(parse, canonical[name])
	}
	for name, full := range canonical {
		if asText[full] {
			headers[name] = func(_ []byte, text string) (sip.Header, error) { return sip.NewHeader(full, text), nil }
		}
	}
	return sip.NewParser(sip.WithHeadersParsers(headers))
}

var canonical = map[string]string{
	"v": "Via", "via": "Via", "f": "From", "from": "From", "t": "To", "to": "To",
	"i": "Call-ID", "call-id": "Call-ID", "m": "Contact", "contact": "Contact",
	"l": "Content-Length", "content-length": "Content-Length",
	"c": "Content-Type", "content-type": "Content-Type", "cseq": "CSeq",
	"max-forwards": "Max-Forwards", "route": "Route", "record-route": "Record-Route",
	"refer-to": "Refer-To", "referred-by": "Referred-By",
	"o": "Event", "event": "Event", "u": "Allow-Events", "allow-events": "Allow-Events",
	"k": "Supported", "supported": "Supported", "e": "Content-Encoding", "content-encoding": "Content-Encoding",
}

var asText = map[string]bool{
	"From": true, "To": true, "Contact": true, "Record-Route": true, "Max-Forwards": true,
	"Event": true, "Allow-Events": true, "Supported": true, "Content-Encoding": true,
}

// lenient turns errors and panics of a header parser into a header of plain text. The
// error by which sipgo marks a comma-separated list is not exported; it passes.
func lenient(parse sip.HeaderParser, name string) sip.HeaderParser {
	return func(raw []byte, text string) (h sip.Header, err error) {
		defer func() {
			if recover() != nil {
				h, err = sip.NewHeader(name, text), nil
			}
		}()
		if h, err = parse(raw, text); err != nil && err.Error() != "comma detected" {
			return sip.NewHeader(name, text), nil
		}
		return h, err
	}
}

// sipgoLog makes debug messages of all that sipgo logs, without whole messages: what an
// operator should know is counted and logged by us.
type sipgoLog struct {
	slog.Handler
	metrics *metrics
}

// Enabled lets through what is counted.
func (l sipgoLog) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelError || l.Handler.Enabled(ctx, slog.LevelDebug)
}

// Handle implements slog.Handler.
func (l sipgoLog) Handle(ctx context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "failed to parse") {
		l.metrics.dropped.WithLabelValues("unparsable").Inc()
	}
	if !l.Handler.Enabled(ctx, slog.LevelDebug) {
		return nil
	}
	out := slog.NewRecord(r.Time, slog.LevelDebug, "sipgo: "+r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != "data" && a.Key != "msg" {
			out.AddAttrs(a)
		}
		return true
	})
	return l.Handler.Handle(ctx, out)
}

// WithAttrs implements slog.Handler.
func (l sipgoLog) WithAttrs(a []slog.Attr) slog.Handler {
	return sipgoLog{l.Handler.WithAttrs(a), l.metrics}
}

// WithGroup implements slog.Handler.
func (l sipgoLog) WithGroup(name string) slog.Handler {
	return sipgoLog{l.Handler.WithGroup(name), l.metrics}
}
