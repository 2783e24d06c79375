package replay

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// ariState is what the PBX of a recording would answer over REST: the sum of the events so
// far.
type ariState struct {
	endpoints map[string]bool              // "PJSIP/1001"
	devices   map[string]string            // raw states by name
	channels  map[string]json.RawMessage   // as last seen, by id
	order     []string                     // channel ids, oldest first
	variables map[string]map[string]string // channel id → variable → value
}

func newARIState(cfg *ARIConfig) *ariState {
	s := &ariState{
		endpoints: map[string]bool{}, devices: map[string]string{}, channels: map[string]json.RawMessage{},
		variables: cfg.Variables,
	}
	for _, name := range cfg.Endpoints {
		s.endpoints[name] = true
	}
	for i := range cfg.Recording.Steps {
		if st := &cfg.Recording.Steps[i]; st.Type == "DeviceStateChanged" {
			if name, _, _ := strings.Cut(st.About, "="); strings.HasPrefix(name, "PJSIP/") {
				s.endpoints[name] = true
			}
		}
	}
	for name := range s.endpoints {
		s.devices[name] = "NOT_INUSE"
	}
	maps.Copy(s.devices, cfg.Start)
	return s
}

// apply takes an event into the state.
func (s *ariState) apply(raw json.RawMessage) {
	var e ariEvent
	if json.Unmarshal(raw, &e) != nil { // a broken event is for the client to bear
		return
	}
	switch e.Type {
	case "DeviceStateChanged":
		s.devices[e.DeviceState.Name] = e.DeviceState.State
	case "ChannelDestroyed":
		var c ariChannel
		if json.Unmarshal(e.Channel, &c) == nil {
			delete(s.channels, c.ID)
			s.order = slices.DeleteFunc(s.order, func(id string) bool { return id == c.ID })
		}
	case "Dial": // its channels may be older than what was seen
	default:
		if e.Channel == nil {
			return
		}
		var c ariChannel
		if json.Unmarshal(e.Channel, &c) != nil || c.ID == "" {
			return
		}
		if s.channels[c.ID] == nil {
			if e.Type != "ChannelCreated" {
				return // late, of a channel that is gone
			}
			s.order = append(s.order, c.ID)
		}
		s.channels[c.ID] = e.Channel
	}
}

// restart is what a stop and start leaves: no channels, and contacts that persist.
func (s *ariState) restart() {
	clear(s.channels)
	s.order = nil
	for name := range s.endpoints {
		if s.devices[name] != "UNAVAILABLE" {
			s.devices[name] = "NOT_INUSE"
		}
	}
}

type ariEndpoint struct {
	Technology string   `json:"technology"`
	Resource   string   `json:"resource"`
	State      string   `json:"state"`
	ChannelIDs []string `json:"channel_ids"`
}

func (s *ariState) listEndpoints() []ariEndpoint {
	out := []ariEndpoint{}
	for _, name := range slices.Sorted(maps.Keys(s.endpoints)) {
		tech, res, _ := strings.Cut(name, "/")
		e := ariEndpoint{Technology: tech, Resource: res, State: "online", ChannelIDs: []string{}}
		if s.devices[name] == "UNAVAILABLE" {
			e.State = "offline"
		}
		for _, id := range s.order {
			var c ariChannel
			if json.Unmarshal(s.channels[id], &c) == nil && strings.HasPrefix(c.Name, name+"-") {
				e.ChannelIDs = append(e.ChannelIDs, id)
			}
		}
		out = append(out, e)
	}
	return out
}

func (s *ariState) listChannels() []json.RawMessage {
	out := []json.RawMessage{}
	for _, id := range s.order {
		out = append(out, s.channels[id])
	}
	return out
}

type ariDevice struct {
	Name  string `json:"name"`
	State string `json:"state"`
}

// device answers as Asterisk does, also for what there is not. A custom state that was
// never set is UNKNOWN, a park slot is there without having been used.
func (s *ariState) device(name string) ariDevice {
	d := ariDevice{Name: name, State: "INVALID"}
	if st, ok := s.devices[name]; ok {
		d.State = st
	} else if strings.HasPrefix(name, "Custom:") {
		d.State = "UNKNOWN"
	} else if strings.HasPrefix(name, "park:") || strings.HasPrefix(name, "Stasis:") {
		d.State = "NOT_INUSE"
	}
	return d
}

func (s *ariState) stasisDevices() []ariDevice {
	out := []ariDevice{}
	for _, name := range slices.Sorted(maps.Keys(s.devices)) {
		if strings.HasPrefix(name, "Stasis:") {
			out = append(out, s.device(name))
		}
	}
	return out
}
