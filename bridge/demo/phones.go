package demo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"blfbridge/bridge/siptest"
)

// registerFor is how long the office's phones register for.
const registerFor = time.Hour

// phoneSet are the office's phones at the PBX.
type phoneSet struct {
	all map[string]*desk
}

// desk is one phone with its calls, oldest first. One step at a time uses it.
type desk struct {
	*siptest.Phone
	calls []*siptest.Call
}

// openPhones makes the phones; what they send is told on the board.
func openPhones(b *board, pbx string) (*phoneSet, error) {
	s := &phoneSet{all: map[string]*desk{}}
	for _, p := range office {
		phone, err := siptest.NewPhone(siptest.Config{
			User: p.number, Password: "pw" + p.number, DisplayName: p.name, Proxy: pbx,
			Trace: func(_ time.Time, sent bool, m *siptest.Message) {
				if text := wire(p.number, sent, m); text != "" {
					b.tell(sourceCall, text)
				}
			},
		})
		if err != nil {
			s.close()
			return nil, err
		}
		s.all[p.number] = &desk{Phone: phone}
	}
	return s, nil
}

// wire words the messages of a phone that are worth a line: its own requests of a call.
func wire(number string, sent bool, m *siptest.Message) string {
	if !sent || m.IsResponse() || m.Get("Authorization") != "" || m.Get("Proxy-Authorization") != "" {
		return ""
	}
	switch m.Method {
	case "INVITE":
		if m.Tag("To") != "" {
			return fmt.Sprintf("%s → PBX  re-INVITE", number)
		}
		return fmt.Sprintf("%s → PBX  INVITE %s", number, siptest.URIUser(m.URI))
	case "REFER":
		return fmt.Sprintf("%s → PBX  REFER to %s", number, siptest.URIUser(siptest.AddrURI(m.Get("Refer-To"))))
	case "BYE", "CANCEL":
		return fmt.Sprintf("%s → PBX  %s", number, m.Method)
	}
	return ""
}

// register registers all phones at the same time.
func (s *phoneSet) register(ctx context.Context) error {
	var wg sync.WaitGroup
	errs := make([]error, len(office))
	for i, p := range office {
		wg.Go(func() {
			if err := s.all[p.number].Register(ctx, registerFor); err != nil {
				errs[i] = fmt.Errorf("demo: phone %s does not register: %w", p.number, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// autoAnswer lets the phones take whatever call comes.
func (s *phoneSet) autoAnswer() {
	for _, d := range s.all {
		d.SetPolicy(siptest.AutoAnswer)
	}
}

// goodbye hangs up and unregisters, as far as the PBX answers.
func (s *phoneSet) goodbye() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for _, d := range s.all {
		wg.Go(func() {
			for _, c := range d.calls {
				_ = c.HangUp(ctx) // the PBX may have been faster, or be gone
			}
			_ = d.Unregister(ctx)
		})
	}
	wg.Wait()
}

func (s *phoneSet) close() {
	for _, d := range s.all {
		d.Close()
	}
}

// call dials and waits until it rings.
func (d *desk) call(ctx context.Context, number string) (*siptest.Call, error) {
	c, err := d.Dial(ctx, number)
	if err != nil {
		return nil, err
	}
	d.calls = append(d.calls, c)
	return c, c.WaitRinging(ctx)
}

// answer takes the call that rings.
func (d *desk) answer(ctx context.Context) error {
	for {
		c, err := d.Incoming(ctx)
		if err != nil {
			return err
		}
		if c.Ended() {
			continue // it rang in vain, or was picked up
		}
		d.calls = append(d.calls, c)
		return c.Answer()
	}
}

// last is the newest call that lives and is as wanted.
func (d *desk) last(holding bool) (*siptest.Call, error) {
	for i := len(d.calls) - 1; i >= 0; i-- {
		if c := d.calls[i]; !c.Ended() && c.Holding() == holding {
			return c, nil
		}
	}
	return nil, fmt.Errorf("demo: phone %s has no such call", d.User())
}

func (d *desk) hangUp(ctx context.Context) error {
	c, err := d.last(false)
	if err != nil {
		return err
	}
	return c.HangUp(ctx)
}

func (d *desk) hold(ctx context.Context) error {
	c, err := d.last(false)
	if err != nil {
		return err
	}
	return c.Hold(ctx)
}

func (d *desk) resume(ctx context.Context) error {
	c, err := d.last(true)
	if err != nil {
		return err
	}
	return c.Unhold(ctx)
}

// transfer passes the other party on and hangs up.
func (d *desk) transfer(ctx context.Context, number string) error {
	c, err := d.last(false)
	if err != nil {
		return err
	}
	if err := c.Refer(ctx, number); err != nil {
		return err
	}
	if err := c.HangUp(ctx); err != nil && siptest.StatusOf(err) != 481 { // 481: the PBX was faster
		return err
	}
	return nil
}
