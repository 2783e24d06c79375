package esl

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"blfbridge/adapters/replay"
)

// Every recording of a real FreeSWITCH, over TCP through the real adapter, shows what
// its lamps file says; nothing in it is unreadable.
func TestRecordings(t *testing.T) {
	used := map[string]bool{}
	for _, file := range lampFiles(t) {
		name := strings.TrimSuffix(filepath.Base(file), ".lamps")
		want := readLamps(t, file)
		for kind, rec := range map[string]string{"narrow": name + ".esl", "all": name + ".all.esl"} {
			if _, err := os.Stat("testdata/recordings/" + rec + ".gz"); err != nil {
				continue
			}
			used[rec+".gz"] = true
			t.Run(rec, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, rec, func(sc *replay.ESLConfig, _ *Config) {
					for _, p := range want.registered {
						sc.Registered = append(sc.Registered, replay.ESLRegistration{
							Profile: "phones", User: userOf(p), Host: domainOf(p), CallID: "earlier", Contact: `"" <sip:earlier@` + p + `>`,
						})
					}
				})
				complete := want.play(t, r, kind)
				for _, s := range want.sequences {
					if got := r.sink.seen(s.device); complete && !slices.Equal(got, s.states) {
						t.Errorf("line %d: %s was shown %v, want %v", s.line, s.device, got, s.states)
					}
				}
				for _, m := range []string{"blfbridge_esl_parse_errors_total", "blfbridge_esl_command_errors_total", "blfbridge_esl_queue_overflows_total", "blfbridge_esl_drift_total"} {
					if n := r.metric(m); n != 0 {
						t.Errorf("%s is %v", m, n)
					}
				}
			})
		}
	}
	have, err := os.ReadDir("testdata/recordings")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range have {
		if !used[f.Name()] {
			t.Errorf("%s has no lamps file", f.Name())
		}
	}
}

// play sends the whole recording and checks the lines when their event has been applied.
// complete is false if the recording is cut short of some lines; only one of all events
// may be.
func (l lamps) play(t *testing.T, r *rig, kind string) (complete bool) {
	done := map[int]bool{}
	check := func(seq int) {
		for _, c := range l.checks {
			if c.seq == seq && (c.recording == "" || c.recording == kind) {
				done[c.line] = true
				s, ok := r.sink.get(c.device)
				if diff := c.verify(s, ok); diff != "" {
					t.Errorf("line %d, after event %d: %s", c.line, seq, diff)
				}
			}
		}
	}
	check(atStart)
	for {
		e, ok := r.next()
		r.settled()
		if !ok {
			break
		}
		check(e.Sequence)
	}
	check(atEnd)
	for _, c := range l.checks {
		if !done[c.line] && (c.recording == "" || c.recording == kind) {
			if kind == "narrow" {
				t.Errorf("line %d: the recording has no event %d", c.line, c.seq)
			}
			complete = true
		}
	}
	return !complete
}
