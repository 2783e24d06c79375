// Package ladder runs SIP flows that are written as text, the way a phone engineer
// draws them, one message a line:
//
//	# a subscription that runs out
//	phone 201 -> SUBSCRIBE 101 Event:dialog Expires:600
//	phone 201 <- 200 Expires:600
//	phone 201 <- NOTIFY active v=0 body=idle
//	pbx -> 101 ringing from=102 name="Bob Two"
//	phone 201 <- NOTIFY active v=1 body=ringing
//	phone 201 -> 503 Retry-After:5
//	advance 600s
//	phone 201 <- NOTIFY terminated reason=timeout
//	phone 201 <- nothing
//
// # Lines
//
// Blank lines do nothing, and neither does what follows a # that begins a line or
// comes after a space. A word may be quoted ("Bob Two") to hold spaces; inside the
// quotes \" and \\ stand for themselves. Spaces may be aligned at will.
//
//	phone N -> METHOD TARGET Header:Value …   the phone sends a request. A second
//	                                          SUBSCRIBE of a phone for the same target is a
//	                                          refresh; the word "new" after TARGET makes it
//	                                          another subscription.
//	phone N -> STATUS Header:Value …          the phone answers the NOTIFY it got last
//	phone N -> nothing                        the phone leaves that NOTIFY unanswered
//	phone N <- STATUS Header:Value …          the next message to the phone is this response
//	phone N <- METHOD words                   the next message is this request; for NOTIFY:
//	    active|pending|terminated             the subscription state
//	    reason= retry-after= expires=         its parameters
//	    v=0                                   dialog-info's version
//	    body=idle|ringing|busy|held|dnd|unknown|none   what the lamp shows
//	    Header:Value                          a header, compared whole; "Header:*" = any value
//	phone N <- nothing                        nothing has come for the phone
//	pbx -> LINE idle|ringing|busy|held|unknown|dnd|nodnd from= name=
//	pbx -> down | up                          the PBX is lost, is back
//	advance 90s                               time passes (Go's durations)
//	bridge restarts | crashes | …             anything the driver knows about the server
//	policy …                                  or about who may watch whom
//
// A NOTIFY is answered with 200 unless the phone's next line is an answer.
//
// # Running
//
// A [Driver] sends, receives and moves the clock; the package parses and compares. A
// driver in virtual time runs a whole ladder; one on real sockets runs
// [Ladder.UntilAdvance]. Every error names file and line.
package ladder
