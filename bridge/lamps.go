package bridge

import (
	"context"
	"strings"
	"time"

	"blfbridge/bridge/compositor"
	"blfbridge/bridge/device"
	"blfbridge/bridge/store"
	"blfbridge/policy"
)

// lampFormat is the first byte of a stored lamp: format, state, flags, display name.
const lampFormat = 1

// Flags of a stored lamp.
const (
	lampDND = 1 << iota
	lampExternal
)

func lampKey(l policy.Line) string {
	return l.Tenant + "\x00" + l.Partition + "\x00" + l.Number
}

func parseLampKey(key string) (policy.Line, bool) {
	parts := strings.Split(key, "\x00")
	if len(parts) != 3 {
		return policy.Line{}, false
	}
	return policy.Line{Tenant: parts[0], Partition: parts[1], Number: parts[2]}, true
}

// keepLamp hands a lamp to the store; the compositor's lock is held.
func (b *Bridge) keepLamp(k compositor.Key, l compositor.Lamp, gone bool) {
	if k.Mode != compositor.OfLine {
		return // made again of the same devices
	}
	if b.replicas != nil && !l.External && !gone {
		return // the feed has the devices that it is made of
	}
	d := store.LampDelta{Key: lampKey(k.Line)}
	if !gone {
		flags := byte(0)
		if l.DND {
			flags |= lampDND
		}
		if l.External {
			flags |= lampExternal
		}
		d.Value = append([]byte{lampFormat, byte(l.State), flags}, l.Name...)
	}
	b.committer.Submit(nil, []store.LampDelta{d}, nil)
}

// restoreLamps shows the lamps of the last run until the PBXs speak, and returns those of
// which other servers spoke, and what the edge keeps beside them.
func (b *Bridge) restoreLamps(ctx context.Context) (external []compositor.Key, ofEdge []store.LampDelta) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err := b.backend.LoadLamps(ctx, func(key string, v []byte) error {
		if strings.HasPrefix(key, edgePrefix) {
			if key != edgeKeyName && key != nonceKeyName {
				ofEdge = append(ofEdge, store.LampDelta{Key: key, Value: v})
			}
			return nil
		}
		line, ok := parseLampKey(key)
		if !ok || len(v) < 3 || v[0] != lampFormat || device.State(v[1]) > device.Busy {
			b.log.Warn("a stored lamp cannot be read; it is left out", "presentity", key)
			return nil
		}
		k, l := compositor.Key{Line: line}, compositor.Lamp{State: device.State(v[1]), DND: v[2]&lampDND != 0, Name: string(v[3:])}
		if v[2]&lampExternal != 0 {
			b.lamps.Show(k, l, false, time.Now())
			external = append(external, k)
			return nil
		}
		b.lamps.Restore(k, l)
		return nil
	})
	if err != nil && ctx.Err() == nil {
		b.log.Warn("the lamps of the last run are not known; they follow from the PBXs", "error", err)
	}
	return external, ofEdge
}
