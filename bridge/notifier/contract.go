package notifier

import (
	"net/netip"
	"time"

	"blfbridge/bridge/eventpkg"
	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

// Flow is where a NOTIFY leaves and goes to. It is comparable.
type Flow struct {
	Transport     subscription.Transport
	Local, Remote netip.AddrPort
}

// Transport writes serialised SIP messages.
type Transport interface {
	// Send writes msg to the flow. It never blocks: UDP writes to the socket, a
	// stream flow queues (bounded). msg is the caller's again on return. ErrNoFlow
	// says that the stream connection is gone and cannot be had again by dialling;
	// ErrConnecting that it is being dialled (FlowUp follows if it comes up);
	// any other error counts as a transport failure of this one message.
	Send(f Flow, msg []byte) error
}

// Batcher is what a Transport may be besides: one that sends the datagrams of a loop together.
type Batcher interface {
	// Batch makes what one loop sends by. It is of one goroutine.
	Batch() Batch
}

// Batch is a Transport whose datagrams may wait for Flush.
type Batch interface {
	Transport
	// Flush sends what waits, and tells how many could not be sent since the last Flush,
	// and why the last of them.
	Flush() (failed int, err error)
}

// Restorer is what a Transport may be besides: it is told of the flow of each subscription
// that comes back from the store, with what else is known of where its phone is, before
// anything is sent there. It does not block. It may change where the phone finds us
// (Cold.Local and Cold.Advertised): the subscription was another process's, or of before a
// change of configuration.
type Restorer interface {
	Restored(f Flow, c *subscription.Cold)
}

// Diverter is what a Transport may be besides: it knows of a second place for a phone that
// does not answer where its flow leads. Every other retransmission of a NOTIFY goes there.
// It does not block. The other place is another port of the same host: whoever is there may
// be another phone behind the same NAT, so that it may take the NOTIFY, but not refuse it.
type Diverter interface {
	Diverted(f Flow, c *subscription.Cold) (Flow, bool)
}

// HangerUp is what a Transport may be besides: one that ends a stream connection, so that
// its phone connects anew. It does not block.
type HangerUp interface {
	HangUp(f Flow)
}

// Subscribe is a SUBSCRIBE that sipua has parsed, authenticated, clamped and decided.
type Subscribe struct {
	// CallID, RemoteTag (From tag), LocalTag (To tag; empty in an initial one) and
	// Package with EventID name the subscription (RFC 6665 §4.4.1, RFC 3261 §12).
	CallID, RemoteTag, LocalTag string
	CSeq                        uint32
	// Expires is what will be granted; 0 unsubscribes, or fetches if initial.
	Expires time.Duration
	Package subscription.Package
	Content eventpkg.Content
	Dialect eventpkg.DialectID
	// Cold is filled as far as the request tells: of a refresh only RemoteTarget,
	// Accept, Transport, Local, Remote, Advertised and UserAgent are taken over
	// (RFC 6665 §4.2.1.4, target refresh).
	Cold subscription.Cold
	Flow Flow
	// Watcher and Decision say who asks and what was decided; Decision.Line is the presentity.
	Watcher  policy.Watcher
	Decision policy.Decision
	// MaxForwards is what the request had left; 0 = it did not say.
	MaxForwards uint8
	// Received is when the request came in.
	Received time.Time
	// Answer is called exactly once, from the shard's loop, when the grant is durable
	// (or known not to be). It writes the response and must not block; the NOTIFY
	// follows it.
	Answer func(Answer)

	asked  bool // outside, as a fetch
	sought bool // with the other replicas
}

// Answer tells sipua how to answer a SUBSCRIBE.
type Answer struct {
	Status     int    // 200, 481, 500, 503 …
	Phrase     string // reason phrase; empty = the standard one
	LocalTag   string // To tag of a 200
	Expires    time.Duration
	RetryAfter time.Duration // 0 = none; with 503 and 500
	// Batch is by what the response should leave, so that it goes before the NOTIFY and
	// with it; nil = at once. It is good until Answer returns.
	Batch Batch
}

// Response is the answer to a NOTIFY, found by its branch.
type Response struct {
	// Branch is that of the topmost Via.
	Branch Branch
	// CSeq is the sequence number of the CSeq header, whose method must be NOTIFY.
	CSeq uint32
	// Port is that a datagram came from; 0 = it came over a connection.
	Port       uint16
	Status     int
	RetryAfter time.Duration
}

// BranchPrefix begins the branch of every NOTIFY that a notifier sends
// (RFC 3261 §8.1.1.7's cookie, then our mark); sipua takes only those responses out
// of the stream for Notifier.Response.
const BranchPrefix = "z9hG4bKblf."
