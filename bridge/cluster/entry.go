package cluster

import (
	"encoding/json"
	"fmt"

	"github.com/redis/go-redis/v9"

	"blfbridge/bridge/device"
)

// entry is one entry of a feed. Its id in the stream is that of the lease it was published
// under, and its number, which rises by one.
type entry struct {
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
	// Taken: a replica took the lease.
	Taken string `json:"k,omitempty"`
}

// at is the id of an entry, and how far a follower or a hash of devices is.
type at struct{ token, n uint64 }

func (a at) String() string { return fmt.Sprintf("%d-%d", a.token, a.n) }

func parseAt(id string) (a at, err error) {
	if _, err := fmt.Sscanf(id, "%d-%d", &a.token, &a.n); err != nil {
		return a, fmt.Errorf("cluster: %q is no id of an entry: %w", id, err)
	}
	return a, nil
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

func decodeEntry(m redis.XMessage) (a at, e entry, err error) {
	if a, err = parseAt(m.ID); err != nil {
		return a, e, err
	}
	text, _ := m.Values["e"].(string)
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return a, e, fmt.Errorf("cluster: an entry of the feed cannot be read: %w", err)
	}
	return a, e, nil
}
