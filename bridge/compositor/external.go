package compositor

import "time"

// Show gives a presentity the lamp that another server tells of it, until Hide. Devices
// that make it win, unless over says that the policy wants the other server's. It is fed
// and kept like any other, but is no reason to count its number as learned (Learned). Of l
// the state, the DND flag, the calls and the name count; they must not be changed later.
func (c *Compositor) Show(k Key, l Lamp, over bool, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := c.intern(k)
	l.External, l.Offset, l.At = true, 0, at
	p := c.presentities[id]
	p.external, p.over = &l, over
	p.restored = false
	c.touch(id, at)
	c.flush()
}

// Hide takes back what Show gave: the presentity is unknown again, and not kept.
func (c *Compositor) Hide(k Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id, ok := c.ids[k]
	if !ok || c.presentities[id].external == nil {
		return
	}
	p := c.presentities[id]
	p.external = nil
	if p.over = false; c.keep != nil && len(p.members) == 0 {
		c.keep(k, Lamp{}, true)
	}
	c.touch(id, time.Now())
	c.flush()
}
