package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"blfbridge/bridge/siptest"
)

// registered is how long the phones register for.
const registered = 10 * time.Minute

// actor is a phone of the office with its calls, oldest first.
type actor struct {
	*siptest.Phone
	calls []*siptest.Call
}

// find returns the newest call for which ok is true, dropping what is over.
func (a *actor) find(what string, ok func(*siptest.Call) bool) (*siptest.Call, error) {
	for i := len(a.calls) - 1; i >= 0; i-- {
		if c := a.calls[i]; !c.Ended() && ok(c) {
			return c, nil
		}
	}
	return nil, fmt.Errorf("phone %s has no call %s", a.User(), what)
}

func live(*siptest.Call) bool          { return true }
func talking(c *siptest.Call) bool     { return c.Answered() && !c.Holding() }
func holding(c *siptest.Call) bool     { return c.Answered() && c.Holding() }
func ringingHere(c *siptest.Call) bool { return !c.Outgoing() && !c.Answered() }
func dialled(c *siptest.Call) bool     { return c.Outgoing() && !c.Answered() }

// act carries one step out. It returns when the phones have done their part; the PBX
// and the bridge follow.
func (r *runner) act(ctx context.Context, s Step) error {
	a := r.actors[s.Phone]
	switch s.Verb {
	case "registers":
		return a.Register(ctx, registered)
	case "unregisters":
		return a.Unregister(ctx)
	case "refuses calls":
		a.SetPolicy(siptest.RejectBusy)
		return nil
	case "takes calls":
		a.SetPolicy(siptest.Ring)
		return nil
	case "turns dnd on":
		return a.DialCode(ctx, r.cfg.PBX.Codes.DNDOn)
	case "turns dnd off":
		return a.DialCode(ctx, r.cfg.PBX.Codes.DNDOff)
	case "calls":
		return r.call(ctx, a, r.actors[s.Other].User(), (*siptest.Call).WaitRinging, s.Check)
	case "picks up":
		return r.call(ctx, a, r.cfg.PBX.Codes.Pickup+r.actors[s.Other].User(), (*siptest.Call).WaitAnswered, true)
	}
	return r.onCall(ctx, a, s)
}

func (r *runner) call(ctx context.Context, a *actor, number string, until func(*siptest.Call, context.Context) error, wait bool) error {
	c, err := a.Dial(ctx, number)
	if err != nil {
		return err
	}
	a.calls = append(a.calls, c)
	if !wait {
		return nil
	}
	return until(c, ctx)
}

// onCall is the part of act about calls that exist.
func (r *runner) onCall(ctx context.Context, a *actor, s Step) error {
	switch s.Verb {
	case "answers", "rejects":
		c, err := a.find("that rings", ringingHere)
		if err != nil {
			for c == nil || c.Ended() {
				if c, err = a.Incoming(ctx); err != nil {
					return err
				}
			}
			a.calls = append(a.calls, c)
		}
		if s.Verb == "rejects" {
			return c.Reject(486)
		}
		return c.Answer()
	case "hangs up":
		c, err := a.find("", live)
		if err != nil {
			return err
		}
		return c.HangUp(ctx)
	case "cancels":
		c, err := a.find("that can be cancelled", dialled)
		if err != nil {
			return err
		}
		return c.Cancel(ctx)
	case "hears the end":
		if len(a.calls) == 0 {
			return fmt.Errorf("phone %s has no call", a.User())
		}
		return a.calls[len(a.calls)-1].WaitEnded(ctx)
	case "holds":
		c, err := a.find("to hold", talking)
		if err != nil {
			return err
		}
		return c.Hold(ctx)
	case "resumes":
		c, err := a.find("on hold", holding)
		if err != nil {
			return err
		}
		return c.Unhold(ctx)
	case "transfers to":
		c, err := a.find("to transfer", talking)
		if err != nil {
			return err
		}
		if err := c.Refer(ctx, r.actors[s.Other].User()); err != nil {
			return err
		}
		return hangUpAfter(ctx, c, false)
	case "joins":
		held, err := a.find("on hold", holding)
		if err != nil {
			return err
		}
		other, err := a.find("to join", talking)
		if err != nil {
			return err
		}
		if err := held.ReferTo(ctx, other); err != nil {
			return err
		}
		return errors.Join(hangUpAfter(ctx, held, true), hangUpAfter(ctx, other, true))
	}
	return fmt.Errorf("%w: nothing carries out %q", ErrScript, s.Verb)
}

// hangUpAfter ends a phone's leg after its transfer, as phones do: once the target
// rings or, if wait, once the PBX has told how it went. A PBX that tells neither is
// given two seconds.
func hangUpAfter(ctx context.Context, c *siptest.Call, wait bool) error {
	patience, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if wait {
		_ = c.WaitEnded(patience)
	} else {
		_ = c.WaitTransferring(patience)
	}
	if c.Ended() {
		return nil
	}
	if err := c.HangUp(ctx); err != nil && siptest.StatusOf(err) != 481 { // 481: the PBX was faster
		return err
	}
	return nil
}

// clear ends all calls and undoes what a broken-off scenario may have left.
func (r *runner) clear(ctx context.Context, s Scenario) error {
	var errs []error
	for _, name := range phones {
		a := r.actors[name]
		a.SetPolicy(siptest.Ring)
		for {
			now, cancel := context.WithTimeout(ctx, time.Millisecond)
			c, err := a.Incoming(now)
			cancel()
			if err != nil {
				break
			}
			a.calls = append(a.calls, c)
		}
		for _, c := range a.calls {
			if !c.Ended() {
				short, cancel := context.WithTimeout(ctx, 3*time.Second)
				if err := c.HangUp(short); err != nil && siptest.StatusOf(err) != 481 {
					r.cfg.Log.Debug("call left over", "scenario", s.Name, "error", err)
				}
				cancel()
			}
		}
		a.calls = nil
		errs = append(errs, a.Register(ctx, registered))
	}
	for _, st := range s.Steps {
		if st.Verb == "turns dnd on" {
			errs = append(errs, r.actors[st.Phone].DialCode(ctx, r.cfg.PBX.Codes.DNDOff))
		}
	}
	return errors.Join(errs...)
}
