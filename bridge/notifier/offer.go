package notifier

import (
	"slices"
	"strings"
	"time"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/device"
	"blfbridge/bridge/eventpkg"
	"blfbridge/bridge/subscription"
	"blfbridge/policy"
)

// Asked is a ringing lamp and a watcher that may pick up its call.
type Asked struct {
	Watcher policy.Watcher
	Line    policy.Line
	// Entity is the URI that was subscribed to.
	Entity string
	// Call is the one that the lamp shows ringing; nil if it does not say which. Without
	// identifiers of it the offer must not depend on the watcher.
	Call *device.Call
	// At is when the lamp became so.
	At time.Time
}

// Offer is by what a watcher may pick a call up. The zero value is nothing.
type Offer struct {
	// URI is what is called to pick up.
	URI string
	// Dialog are the identifiers of the ringing call, for Replaces.
	Dialog device.SIPDialog
}

// offer asks what a subscription's body tells of picking up.
func (l *loop) offer(e *entry, c *subscription.Cold, lamp *compositor.Lamp) Offer {
	if l.n.offer == nil || e.Flags&subscription.PickupAllowed == 0 || lamp.State != device.Ringing ||
		eventpkg.Content(e.Content) != eventpkg.DialogInfo || e.View < policy.ViewRinging || e.View == policy.ViewIdle {
		return Offer{}
	}
	var call *device.Call
	if i := slices.IndexFunc(lamp.Calls, ringsHere); i >= 0 && !eventpkg.DialectID(e.Dialect).Dialect().HideIDs {
		call = &lamp.Calls[i]
	}
	own, last := call != nil && call.Dialog != (device.SIPDialog{}), &l.lastOffer
	if !own && last.is && last.presentity == e.Presentity && last.entity == c.Entity {
		return last.offer
	}
	o := l.n.offer(Asked{Watcher: watcherOf(&e.Hot, c), Line: lineOf(c), Entity: c.Entity, Call: call, At: lamp.At})
	if !own {
		*last = offered{e.Presentity, c.Entity, o, true}
	}
	return o
}

// offered is what was offered of a lamp last, to every watcher alike, since its call has no
// identifiers. It is good as long as that lamp is not looked at again.
type offered struct {
	presentity uint32
	entity     string
	offer      Offer
	is         bool
}

func ringsHere(c device.Call) bool { return c.Direction == device.Recipient && c.Phase == device.Early }

// withDialog leaves the identifiers of calls out but for those offered of the one that
// rings: whoever knows a PBX's own could take the call over.
func withDialog(calls []device.Call, d device.SIPDialog) []device.Call {
	if d == (device.SIPDialog{}) && !slices.ContainsFunc(calls, func(c device.Call) bool { return c.Dialog != device.SIPDialog{} }) {
		return calls
	}
	out := slices.Clone(calls)
	for i := range out {
		out[i].Dialog = device.SIPDialog{}
	}
	if i := slices.IndexFunc(out, ringsHere); i >= 0 {
		out[i].Dialog = d
	}
	return out
}

// ShownNumber is the number of a presentity for people and phones; of a bare pickup code,
// whose line has a name of our own, it is what was subscribed to.
func ShownNumber(l policy.Line, entity string) string {
	if _, bare := policy.BareWatcher(l); !bare {
		return l.Number
	}
	_, user, _ := strings.Cut(entity, ":")
	user, _, _ = strings.Cut(user, "@")
	return user
}
