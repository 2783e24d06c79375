package ari

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"blfbridge/adapters/replay"
	"blfbridge/bridge/device"
)

// Every recording of a real Asterisk, replayed over HTTP and WebSocket through the real
// adapter, shows after each mark exactly the lamps of its .lamps file, and shows no
// other on the way there.
func TestRecordings(t *testing.T) {
	for _, l := range allLamps(t) {
		t.Run(l.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlayer(t, l)
				p.r.run(func() {
					for p.next() {
						if diff := p.differs(); diff != "" {
							t.Errorf("after %q:\n%s", p.mark, diff)
						}
					}
					if n := len(l.blocks) - p.block; n > 0 {
						t.Errorf("the recording has no mark %q", l.blocks[p.block].mark)
					}
					if n := p.drift(); n != 0 {
						t.Errorf("drift is %v without any damage", n)
					}
				})
			})
		})
	}
}

// One look at the PBX after each mark finds nothing to repair: what the events made of
// the model is what REST shows.
func TestRecordingsAgreeWithREST(t *testing.T) {
	for _, l := range allLamps(t) {
		if l.name == "second_client" { // not connected from then on
			continue
		}
		t.Run(l.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlayer(t, l)
				p.r.run(func() {
					for p.next() {
						if p.r.sink.isLive() {
							p.r.reconcile()
						}
						if n := p.drift(); n != 0 {
							t.Fatalf("after %q the reconciler repaired %v", p.mark, n)
						}
					}
				})
			})
		})
	}
}

// A damaged stream shows what its .lamps file says it does: nothing, or a wrong lamp that
// the reconciler heals, counting exactly what it repaired.
func TestDamagedRecordings(t *testing.T) {
	cases := 0
	for _, l := range allLamps(t) {
		for _, c := range l.cases {
			cases++
			t.Run(l.name+"/"+c.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newPlayer(t, l)
					for _, e := range c.drops {
						p.r.pbx.Drop(p.find(e))
					}
					if c.swap != nil {
						p.r.pbx.Swap(p.find(c.swap[0]), p.find(c.swap[1]))
					}
					p.r.run(func() { p.judge(c) })
				})
			})
		}
	}
	if cases < 10 {
		t.Errorf("only %d damaged replays", cases)
	}
}

func (p *player) judge(c lampsCase) {
	wrong, wasWrong := false, false
	for p.next() {
		if c.until != "" && strings.TrimSpace(p.mark) == c.until {
			wrong = false
		}
		diff := p.differs()
		switch {
		case diff == "" && wrong:
			p.t.Errorf("after %q it is right again, want only after %q", p.mark, c.until)
			wrong = false
		case diff == "" || wrong:
		case wasWrong || strings.TrimSpace(p.mark) != c.wrong:
			p.t.Fatalf("after %q:\n%s\nwant it wrong first after %q", p.mark, diff, c.wrong)
		default:
			wasWrong = true
			p.r.reconcile()
			p.takePaths()
			if n := p.drift(); n != max(c.heals, 0) {
				p.t.Errorf("the reconciler counts %v repairs, want %v", n, max(c.heals, 0))
			}
			diff = p.compare(false)
			if wrong = c.heals < 0; wrong != (diff != "") {
				p.t.Errorf("after the reconciler:\n%s", diff)
			}
		}
	}
	if !wasWrong && c.wrong != "" {
		p.t.Errorf("it was never wrong, want so after %q", c.wrong)
	}
}

// player steps through a recording and its expectations.
type player struct {
	t      *testing.T
	l      *lampsFile
	r      *rig
	rest   map[string]string // each watched device as it is after the start
	mark   string
	block  int // the next
	expect lampsBlock
	fresh  bool // expect came with this mark
	downs  int
}

func newPlayer(t *testing.T, l *lampsFile) *player {
	cfg := replay.ARIConfig{Recording: readRecording(t, l.recording), Start: l.start, Endpoints: labPhones}
	return &player{t: t, l: l, r: newRig(t, cfg, Config{Devices: l.devices, NoDialogs: true})}
}

func (p *player) next() bool {
	if p.rest == nil {
		p.rest = map[string]string{}
		for _, name := range p.l.watch {
			p.rest[name] = p.lamp(name)
		}
		p.takePaths()
	}
	_, _, p.downs = p.r.sink.counts()
	var ok bool
	if p.mark, ok = p.r.pbx.Next(); !ok {
		return false
	}
	synctest.Wait()
	p.fresh = p.block < len(p.l.blocks) && p.l.blocks[p.block].matches(p.mark)
	if p.fresh {
		p.expect = p.l.blocks[p.block]
		p.block++
		time.Sleep(p.expect.wait)
		synctest.Wait()
	}
	return true
}

// differs says how the lamps are otherwise than expected, in text.
func (p *player) differs() string { return p.compare(true) }

func (p *player) compare(paths bool) string {
	var out []string
	for _, name := range p.l.watch {
		want, listed := p.expect.lamps[name]
		if !listed {
			want = lampsLine{path: []string{p.rest[name]}}
		}
		got, path := p.lamp(name), p.r.sink.takePath(name)
		final := want.path[len(want.path)-1]
		if got != final {
			out = append(out, fmt.Sprintf("  %s shows %s, want %s (%s)", name, got, final, want.source))
		}
		if shown := pathText(name, path); paths && len(path) > 0 && !(p.fresh && slices.Equal(shown, want.path)) {
			out = append(out, fmt.Sprintf("  %s showed %v on the way, want %v (%s)", name, shown, want.path, want.source))
		} else if paths && p.fresh && len(path) == 0 && len(want.path) > 1 {
			out = append(out, fmt.Sprintf("  %s showed nothing on the way, want %v (%s)", name, want.path, want.source))
		}
		if calls := p.calls(name); !slices.Equal(calls, want.calls) {
			out = append(out, fmt.Sprintf("  %s has calls %q, want %q (%s)", name, calls, want.calls, want.source))
		}
	}
	if down := p.r.sink.lastDown(); paths && p.fresh && p.expect.down != "" && (down == nil || !strings.Contains(down.Error(), p.expect.down)) {
		out = append(out, fmt.Sprintf("  the source is down by %v, want %q", down, p.expect.down))
	} else if paths && (!p.fresh || p.expect.down == "") && p.newDowns() && !slices.ContainsFunc(p.l.blocks, func(b lampsBlock) bool { return b.down != "" }) {
		out = append(out, fmt.Sprintf("  the source is down by %v", down))
	}
	return strings.Join(out, "\n")
}

func (p *player) newDowns() bool {
	_, _, n := p.r.sink.counts()
	return n > p.downs
}

func (p *player) takePaths() {
	for _, name := range p.l.watch {
		p.r.sink.takePath(name)
	}
}

func (p *player) lamp(name string) string {
	st, ok := p.r.sink.get(name)
	if !ok {
		return "absent"
	}
	return pathText(name, []device.State{lampOf(st)})[0]
}

// pathText names lamps; of a DND flag they are dnd and clear.
func pathText(name string, path []device.State) []string {
	out := make([]string, len(path))
	for i, s := range path {
		if out[i] = s.String(); strings.HasPrefix(name, "Custom:DND") && s != device.DND {
			out[i] = "clear"
		}
	}
	return out
}

// calls writes a device's calls as a .lamps file does.
func (p *player) calls(name string) []string {
	st, _ := p.r.sink.get(name)
	var out []string
	for _, c := range st.Calls {
		text := fmt.Sprintf("%s %s %s", c.Direction, c.Phase, c.Remote.Number)
		if c.Remote.Name != "" {
			text += fmt.Sprintf(" %q", c.Remote.Name)
		}
		out = append(out, strings.TrimSpace(text))
		if c.Since.IsZero() || c.ID == "" {
			p.t.Errorf("a call of %s has no id or beginning: %+v", name, c)
		}
	}
	return out
}

func (p *player) find(e lampsEvent) int {
	i := p.r.rec.Find(e.typ, e.about, e.nth)
	if i < 0 {
		p.t.Fatalf("%s: no event %s %s #%d", p.l.recording, e.typ, e.about, e.nth)
	}
	return i
}

func (p *player) drift() float64 {
	return testutil.ToFloat64(p.r.src.metrics.driftDevice) + testutil.ToFloat64(p.r.src.metrics.driftChannel)
}

func allLamps(t *testing.T) []*lampsFile {
	t.Helper()
	recordings, _ := filepath.Glob("testdata/*.jsonl")
	if len(recordings) < 20 {
		t.Fatalf("only %d recordings", len(recordings))
	}
	var out []*lampsFile
	for _, rec := range recordings {
		out = append(out, readLamps(t, strings.TrimSuffix(rec, ".jsonl")+".lamps")) // each has one
	}
	return out
}
