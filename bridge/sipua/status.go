package sipua

import (
	"errors"
	"net/http"
	"time"

	"blfbridge/policy"
)

// Why a request is refused. Each has one row in the table of refusals.
var (
	ErrBadRequest    = errors.New("sipua: malformed request")
	ErrCredentials   = errors.New("sipua: credentials needed")
	ErrForbidden     = errors.New("sipua: watching is not allowed")
	ErrNotFound      = errors.New("sipua: nobody of that number here")
	ErrMethod        = errors.New("sipua: method not served")
	ErrUnknownMethod = errors.New("sipua: unknown method")
	ErrAccept        = errors.New("sipua: no body type that the watcher accepts")
	ErrScheme        = errors.New("sipua: URI scheme not served")
	ErrExtension     = errors.New("sipua: required extension not supported")
	ErrTooBrief      = errors.New("sipua: interval too brief")
	ErrUnavailable   = errors.New("sipua: cannot be decided now")
	ErrSecure        = errors.New("sipua: SIPS URI without TLS")
	ErrNoDialog      = errors.New("sipua: no such dialog or transaction")
	ErrMerged        = errors.New("sipua: request came by two ways")
	ErrTooManyHops   = errors.New("sipua: Max-Forwards reached 0")
	ErrEvent         = errors.New("sipua: event package not served")
	// ErrBusy: so many SUBSCRIBEs wait that this one had better come again.
	ErrBusy     = errors.New("sipua: too many requests wait")
	ErrOverload = errors.New("sipua: too many requests")
	ErrFull     = errors.New("sipua: too many subscriptions")
	ErrInternal = errors.New("sipua: internal error")
)

// refusal is how an error is answered, and when the watcher should come back.
type refusal struct {
	status     int
	phrase     string
	retryAfter time.Duration // 0 = not said
}

// refusals is the one table from errors to statuses (RFC 3261 §21, RFC 6665 §8.3.2).
var refusals = []struct {
	err error
	refusal
}{
	{ErrBadRequest, refusal{400, "Bad Request", 0}},
	{ErrCredentials, refusal{401, "Unauthorized", 0}},
	{ErrForbidden, refusal{403, "Forbidden", 0}},
	{ErrNotFound, refusal{404, "Not Found", 0}},
	{ErrMethod, refusal{405, "Method Not Allowed", 0}},
	{ErrUnknownMethod, refusal{501, "Not Implemented", 0}},
	{ErrAccept, refusal{406, "Not Acceptable", 0}},
	{ErrScheme, refusal{416, "Unsupported URI Scheme", 0}},
	{ErrExtension, refusal{420, "Bad Extension", 0}},
	{ErrTooBrief, refusal{423, "Interval Too Brief", 0}},
	{ErrUnavailable, refusal{480, "Temporarily Unavailable", 30 * time.Second}},
	{ErrSecure, refusal{480, "SIPS Needs TLS", 0}},
	{ErrNoDialog, refusal{481, "Subscription Does Not Exist", 0}},
	{ErrMerged, refusal{482, "Loop Detected", 0}},
	{ErrTooManyHops, refusal{483, "Too Many Hops", 0}},
	{ErrEvent, refusal{489, "Bad Event", 0}},
	// Long enough to let a storm pass, short enough for lamps: phones retry on their own.
	{ErrOverload, refusal{503, "Service Unavailable", 5 * time.Second}},
	{ErrBusy, refusal{503, "Service Unavailable", 10 * time.Second}},
	{ErrFull, refusal{503, "Service Unavailable", 60 * time.Second}},
	{ErrInternal, refusal{500, "Server Internal Error", 10 * time.Second}},
}

// refusalOf finds the row of err; an error without one is our own fault.
func refusalOf(err error) refusal {
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			return r.refusal
		}
	}
	return refusal{500, "Server Internal Error", 10 * time.Second}
}

// malformed is an ErrBadRequest that says which header is wrong. The text is ours, never
// the peer's.
type malformed string

func (m malformed) Error() string      { return ErrBadRequest.Error() + ": " + string(m) }
func (malformed) Is(target error) bool { return target == ErrBadRequest }

// warning is the Warning that tells an administrator what a 400 is about (RFC 3261
// §20.43: 399 is for text of any kind).
func warning(text string) field { return field{"Warning", `399 blfbridge "` + text + `"`} }

// outcomeError maps a policy decision to an error; nil for Allowed.
func outcomeError(o policy.Outcome) error {
	switch o {
	case policy.Allowed:
		return nil
	case policy.NotFound:
		return ErrNotFound
	case policy.Challenged:
		return ErrCredentials
	case policy.Unavailable:
		return ErrUnavailable
	default:
		return ErrForbidden
	}
}

// phraseOf is the standard reason phrase of a status.
func phraseOf(status int) string {
	switch status {
	case 200:
		return "OK"
	case 202:
		return "Accepted"
	case 413:
		return "Request Entity Too Large"
	case 505:
		return "Version Not Supported"
	case 513:
		return "Message Too Large"
	}
	for _, r := range refusals {
		if r.status == status {
			return r.phrase
		}
	}
	if s := http.StatusText(status); s != "" {
		return s
	}
	return "Unknown"
}
