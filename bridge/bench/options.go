package bench

import (
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// ErrOptions is wrapped by errors about options that cannot be.
var ErrOptions = errors.New("bench")

// Scenarios are all there are, in the order in which they make sense:
//
//	storm    all subscriptions subscribe, with so many outstanding or at a rate
//	fanout   all lines change at once, again and again: change → NOTIFY
//	refresh  all subscriptions are refreshed
//	soak     lines change and subscriptions are refreshed for a while, at given rates
//	restart  the server is killed; start → every phone notified again (own server only)
//	limit    not a server: the bare system calls of a NOTIFY and its 200 (own server only)
var Scenarios = []string{"storm", "fanout", "refresh", "soak", "restart", "limit"}

// Options say what to measure.
type Options struct {
	// Scenarios to run, in this order. The subscriptions stand from one to the next.
	Scenarios []string
	// Subscriptions and Lines: each line has Subscriptions/Lines watchers.
	Subscriptions, Lines int
	// Outstanding is how many SUBSCRIBEs may be without answer or NOTIFY at once.
	Outstanding int
	// Rate of SUBSCRIBEs a second in storm, refresh and soak; 0 = as fast as Outstanding lets.
	Rate float64
	// Rounds of changes in fanout, and Pause between them.
	Rounds int
	Pause  time.Duration
	// Changes of lines a second, and Duration, in soak. Duration is also limit's.
	Changes  float64
	Duration time.Duration
	// Settle is how long a storm's subscriptions stand before they are weighed: a server
	// forgets answered requests only after 32 s (RFC 3261 §17.2.2). 0 = they are weighed at once only.
	Settle time.Duration
	// Repeat runs storm, fanout and refresh so often; each has its result.
	Repeat int
	// Turns runs the scenarios in turns, Repeat times all of them: what is compared meets the
	// machine in the same minute.
	Turns bool
	// Sockets that the phones share.
	Sockets int
	// Loss is the share of datagrams lost each way, 0 to 0.5.
	Loss float64

	// Server makes the command that runs ServeChild.
	Server func() *exec.Cmd
	// Store of the own server: a directory for a bolt file, or redis://. Empty: a
	// temporary directory.
	Store string
	// Profiles is a directory for CPU profiles of the own server, one for each result.
	Profiles string
	// SIP is the address of a foreign server; with it there is no own one.
	SIP netip.AddrPort
	// PIDs of a foreign server, and of the store.
	PIDs, StorePIDs []int
	// Publish changes the lines of a foreign server by PUBLISH.
	Publish bool
	// Beside is a foreign server that stands at the same time as the own one and is measured
	// in turns with it, Repeat times, by the same phones' behaviour; BesidePIDs are its processes.
	Beside     netip.AddrPort
	BesidePIDs []int

	// Progress is told what happens, a few times a second; it may be nil.
	Progress func(string)
}

// check completes the options, or says what cannot be.
func (o *Options) check() error {
	if len(o.Scenarios) == 0 {
		o.Scenarios = []string{"storm", "fanout", "refresh"}
	}
	for _, s := range o.Scenarios {
		if !slices.Contains(Scenarios, s) {
			return fmt.Errorf("%w: no scenario %q; there are %s", ErrOptions, s, strings.Join(Scenarios, ", "))
		}
		own := s == "restart" || s == "limit"
		if own && o.SIP.IsValid() {
			return fmt.Errorf("%w: %s runs with the bench's own server only, without --sip", ErrOptions, s)
		}
		if !o.Publish && o.SIP.IsValid() && (s == "fanout" || s == "soak") {
			return fmt.Errorf("%w: %s needs --publish, so that the lines of %s can be changed", ErrOptions, s, o.SIP)
		}
	}
	for _, c := range [...]struct {
		name        string
		v, min, max float64
	}{
		{"subscriptions", float64(o.Subscriptions), 1, 8e6}, {"lines", float64(o.Lines), 1, 8e5}, {"outstanding", float64(o.Outstanding), 1, 8e6},
		{"sockets", float64(o.Sockets), 1, 1000}, {"rounds", float64(o.Rounds), 1, 1e6}, {"repeat", float64(o.Repeat), 1, 1000},
		{"loss", o.Loss, 0, 0.5}, {"rate", o.Rate, 0, 1e7}, {"changes", o.Changes, 0, 1e6},
	} {
		if c.v < c.min || c.v > c.max {
			return fmt.Errorf("%w: %s is %v; it must be from %v to %v", ErrOptions, c.name, c.v, c.min, c.max)
		}
	}
	if o.Duration <= 0 {
		return fmt.Errorf("%w: duration must be above 0", ErrOptions)
	}
	if o.Pause < 0 || o.Settle < 0 {
		return fmt.Errorf("%w: a time is negative", ErrOptions)
	}
	if o.SIP.IsValid() && !o.SIP.Addr().Unmap().Is4() {
		return fmt.Errorf("%w: %s is not IPv4", ErrOptions, o.SIP)
	}
	if o.SIP.IsValid() && o.Profiles != "" {
		return fmt.Errorf("%w: a foreign server cannot be profiled", ErrOptions)
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	o.Sockets = min(o.Sockets, o.Subscriptions)
	if !o.Beside.IsValid() {
		return nil
	}
	if o.SIP.IsValid() {
		return fmt.Errorf("%w: beside whom? With --sip there is no own server", ErrOptions)
	}
	other := o.other()
	return other.check()
}

// other are the options of the server that stands beside.
func (o *Options) other() Options {
	x := *o
	x.SIP, x.PIDs, x.Beside = o.Beside, o.BesidePIDs, netip.AddrPort{}
	x.StorePIDs, x.Profiles = nil, ""
	return x
}
