package ari

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Every recorded event of a type that is used decodes, and names its device or channel.
func TestDecodeRecorded(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.jsonl")
	seen := map[string]bool{}
	for _, file := range files {
		for _, s := range readRecording(t, filepath.Base(file)).Steps {
			if s.Event == nil {
				continue
			}
			ev, err := decode(s.Event, s.At)
			if err != nil {
				t.Errorf("%s: %v", file, err)
			}
			if ev.kind != evOther {
				seen[ev.typ] = true
			}
			if c := ev.channel; c.id != "" && (c.name == "" || c.state == "" || c.created.IsZero()) {
				t.Errorf("%s: %s gives %+v", file, ev.typ, c)
			}
		}
	}
	for typ := range usedEvents {
		if !seen[typ] && typ != "ChannelCallerId" { // the lab's phones all have one
			t.Errorf("no recording holds a %s", typ)
		}
	}
}

func FuzzEvent(f *testing.F) {
	for _, name := range []string{"hold", "call_busy", "dnd", "second_client", "blind_transfer"} {
		data, err := os.ReadFile(filepath.Join("testdata", name+".jsonl"))
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			if _, ev, ok := strings.Cut(strings.TrimSpace(line), `"event":`); ok {
				f.Add([]byte(strings.TrimSuffix(ev, "}")))
			}
		}
	}
	f.Add([]byte(`{"type":"Dial","peer":null}`))
	f.Add([]byte(`{"type":"ChannelHold","channel":{"id":"1","name":"PJSIP/1-1","connected":null,"dialplan":null}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		now := time.Unix(1e9, 0)
		m := newModel(defaultDNDPrefix, nil)
		m.touched = newTouched()
		ev, err := decode(data, now)
		if err != nil {
			return
		}
		m.apply(ev)
		m.apply(ev)
		for _, st := range m.changed(now) {
			if st.Name == "" {
				t.Errorf("a device without a name of %q", data)
			}
		}
		if again := m.changed(now); len(again) != 0 {
			t.Errorf("reported twice: %+v", again)
		}
	})
}
