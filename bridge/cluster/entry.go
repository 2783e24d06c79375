package cluster

import (
	"encoding/json"
	"fmt"

	"blfbridge/bridge/device"
)

// entry is one entry of a feed.
type entry struct {
	// Token is that of the lease it was published under.
	Token uint64 `json:"t"`
	// N is the number of the entry; each has the next.
	N uint64 `json:"n"`
	// Changed are devices with their whole new status, Removed such that are gone.
	Changed []device.Status `json:"c,omitempty"`
	Removed []string        `json:"r,omitempty"`
	// Snapshot names the hash that all devices are to be read from, because the source was
	// connected anew. It is up.
	Snapshot string `json:"s,omitempty"`
	// Down says why the source is lost.
	Down *string `json:"d,omitempty"`
	// Released: the holder stopped, and the lease is free.
	Released bool `json:"x,omitempty"`
}

// kept is a device in the hash: N is the number of the entry that it came with.
type kept struct {
	N      uint64        `json:"n"`
	Status device.Status `json:"s"`
}

func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("cluster: %T cannot be written as JSON: %v", v, err)) // plain values: never
	}
	return string(b)
}

func decodeEntry(values map[string]any) (e entry, err error) {
	text, _ := values["e"].(string)
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return e, fmt.Errorf("cluster: an entry of the feed cannot be read: %w", err)
	}
	return e, nil
}
