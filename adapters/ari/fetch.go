package ari

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	ari "github.com/CyCoreSystems/ari/v6"
)

// lookers is how many REST calls a look makes at a time.
const lookers = 8

// fetch looks at everything: endpoints, channels, Stasis devices, and the states of the
// endpoints, their DND flags and the held devices. Only a device that is refused is left
// out; any other failure is the look's.
func (s *Source) fetch(ctx context.Context, held []string) (*look, error) {
	k := &look{endpoints: map[string]bool{}, raw: map[string]string{}}
	var endpoints []ari.EndpointData
	if err := s.client.call(ctx, http.MethodGet, "/endpoints", nil, &endpoints); err != nil {
		return nil, s.cfg.explain(err)
	}
	list := make([]string, 0, len(endpoints))
	for _, e := range endpoints {
		if e.Technology == "" || e.Resource == "" {
			continue
		}
		name := e.Technology + "/" + e.Resource
		k.endpoints[name] = true
		list = append(list, name)
	}
	var stasis []ari.DeviceStateData
	if err := s.client.call(ctx, http.MethodGet, "/deviceStates", nil, &stasis); err != nil && statusOf(err) == 0 {
		return nil, s.cfg.explain(err)
	}
	for _, d := range stasis {
		k.raw[d.Name] = d.State
	}
	if err := s.fetchStates(ctx, names(list, held, s.cfg.DNDPrefix), k.raw); err != nil {
		return nil, err
	}
	// Last, so that a call which began during the look is seen.
	var err error
	if k.channels, err = s.fetchChannels(ctx); err != nil {
		return nil, err
	}
	return k, nil
}

// fetchStates asks for each name's device state, some at a time.
func (s *Source) fetchStates(ctx context.Context, names []string, raw map[string]string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex // guards raw and bad
		bad  error
		next = make(chan string)
	)
	for range min(lookers, len(names)) {
		wg.Go(func() {
			for name := range next {
				state, err := s.deviceState(ctx, name)
				mu.Lock()
				switch {
				case err != nil && bad == nil:
					bad = s.explainHang(ctx, "asking for the state of "+name, err)
					cancel(bad)
				case err == nil && state != "":
					raw[name] = state
				}
				mu.Unlock()
			}
		})
	}
feed:
	for _, name := range names {
		select {
		case next <- name:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	wg.Wait()
	if bad == nil {
		bad = ctx.Err()
	}
	return bad
}

// fetchChannels lists the channels by id. One that cannot be read is left out.
func (s *Source) fetchChannels(ctx context.Context) (map[string]astChannel, error) {
	var list []json.RawMessage
	if err := s.client.call(ctx, http.MethodGet, "/channels", nil, &list); err != nil {
		return nil, s.cfg.explain(err)
	}
	out := make(map[string]astChannel, len(list))
	for _, data := range list {
		c, err := decodeChannel(data)
		if err != nil {
			s.metrics.broken.Inc()
			s.log.Debug("channel left out", "error", err)
			continue
		}
		out[c.id] = c
	}
	return out, nil
}

func decodeChannel(data []byte) (astChannel, error) {
	var d ari.ChannelData
	if err := json.Unmarshal(data, &d); err != nil {
		return astChannel{}, fmt.Errorf("ari: channel: %w", err)
	}
	if d.ID == "" {
		return astChannel{}, fmt.Errorf("ari: channel %q has no id", d.Name)
	}
	return channelOf(&d), nil
}

// fetchAgain looks a second time at what a first look showed otherwise than we hold it.
func (s *Source) fetchAgain(ctx context.Context, first *look, d difference) (*look, error) {
	k := &look{endpoints: first.endpoints, raw: map[string]string{}}
	if err := s.fetchStates(ctx, d.devices(), k.raw); err != nil {
		return nil, err
	}
	var err error
	k.channels, err = s.fetchChannels(ctx)
	return k, err
}
