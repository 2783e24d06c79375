package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"blfbridge/bridge/bench"
)

// model is what a change, a subscription and a death cost with any number of replicas, from
// what runs with the two smallest numbers cost. An entry of a feed is added once and read by every
// replica but one; what is done per second grows with the replicas.
type model struct {
	lease          time.Duration
	entries, reads float64 // of a change: commands that add, and that each follower reads
	saves          float64 // other commands of a change, but for those of the idle
	idle           float64 // a second and replica
	change, follow float64 // µs of Redis for a change, and what each follower adds
	command        float64 // µs of one command more
	in, out        float64 // bytes of a change: in, and out for each follower
	memory, write  float64 // bytes and commands of a subscription
	writeIn        float64 // bytes in
}

// fit takes the measure of the two runs with the fewest replicas: what is counted from the
// first, CPU times from both.
func fit(r, more *bench.ReplicaResult, lease time.Duration) model {
	each := func(v float64) float64 { return v / r.Changes }
	idle := r.Idle.Total() / r.IdleSeconds / float64(r.Replicas)
	m := model{
		lease: lease, entries: each(r.Loaded.Commands["xadd"]), idle: idle, memory: r.Memory / float64(r.Subscriptions),
		reads: each(r.Loaded.Commands["xread"]) / float64(r.Replicas-1),
		in:    each(r.Loaded.In), out: each(r.Loaded.Out) / float64(r.Replicas-1),
		write: r.Subscribing.Total() / float64(r.Subscriptions), writeIn: r.Subscribing.In / float64(r.Subscriptions),
	}
	m.saves = max(each(r.Loaded.Total())-m.entries-m.reads*float64(r.Replicas-1)-idle*float64(r.Replicas)*r.Seconds/r.Changes, 0)
	first, second := each(float64(r.Loaded.CPU)/1e3), float64(more.Loaded.CPU)/1e3/more.Changes
	m.follow = max(second-first, 0) / float64(more.Replicas-r.Replicas)
	m.change = first - m.follow*float64(r.Replicas-1)
	m.command = m.follow / m.reads
	return m
}

// commands of a change, of which rate come in a second.
func (m *model) commands(replicas int, rate float64) float64 {
	return m.entries + m.reads*float64(replicas-1) + m.saves + m.idle*float64(replicas)/rate
}

// check prints what the model says of each run beside what was measured. The counts of all
// but the first, and the CPU times of all but the first two, are predictions.
func check(w io.Writer, all []bench.ReplicaResult, m model) {
	fmt.Fprintf(w, "\nmodel, fed with the runs of %d and %d replicas: predicted / measured = ratio\n", all[0].Replicas, all[1].Replicas)
	for i := range all {
		r := &all[i]
		rate := r.Changes / r.Seconds
		each := func(v float64) float64 { return v / r.Changes }
		commands := m.commands(r.Replicas, rate)
		followers := float64(r.Replicas - 1)
		var cells []string
		for _, c := range []struct {
			name                string
			predicted, measured float64
		}{
			{"commands a change", commands, each(r.Loaded.Total())},
			{"Redis us a change", m.change + m.follow*followers, each(float64(r.Loaded.CPU) / 1e3)},
			{"bytes out a change", m.out * followers, each(r.Loaded.Out)},
			{"idle commands/s", m.idle * float64(r.Replicas), r.Idle.Total() / r.IdleSeconds},
			{"bytes/subscription", m.memory, r.Memory / float64(r.Subscriptions)},
			{"s to the PBX again", m.lease.Seconds(), r.Failover},
			{"s to adopted", (m.lease - min(m.lease/3, time.Second)/2).Seconds(), r.Adoption},
		} {
			cells = append(cells, fmt.Sprintf("%s %.4g / %.4g = %.2f", c.name, c.predicted, c.measured, c.predicted/c.measured))
		}
		fmt.Fprintf(w, "  %d replicas: %s\n", r.Replicas, strings.Join(cells, "; "))
	}
}

// site is an installation to be planned.
type site struct {
	subscriptions, replicas, lines, pbxs int
	calls                                float64 // an hour of every line
	steps                                float64 // changes of a lamp in a call
	refresh                              time.Duration
}

// adopts is how many subscriptions a replica takes over in a second: one NOTIFY each, at a
// fifth of what a core sends (bench.txt, fanout).
const adopts = 20_000

// plan prints what a site costs.
func plan(w io.Writer, m model, s site) {
	rate := float64(s.lines) * s.calls * s.steps / 3600
	perFeed := rate / float64(s.pbxs)
	share := min(1, 500/perFeed) // entries a change: at most one in 2 ms for a feed
	followers := float64(s.replicas - 1)
	feeds := rate * share * (1 + followers) // an entry is read by every follower
	saves := min(perFeed, 10) * 4 * float64(s.pbxs)
	idle := m.idle * float64(s.replicas)
	notifies := rate * float64(s.subscriptions) / float64(s.lines)
	refreshes := float64(s.subscriptions) / s.refresh.Seconds()
	reserved := notifies / 128           // half a block
	writes := 4 * (refreshes + reserved) // each alone in its group: the dearest
	total := feeds + saves + idle + writes
	fmt.Fprintf(w, "\nby the model: %d subscriptions on %d replicas, %d lines at %d PBXs, %.0f calls an hour of %.0f changes each, refreshed every %v\n",
		s.subscriptions, s.replicas, s.lines, s.pbxs, s.calls, s.steps, s.refresh)
	fmt.Fprintf(w, "  changes %.0f a second, NOTIFYs %.0f a second, %.0f of each replica\n", rate, notifies, notifies/float64(s.replicas))
	fmt.Fprintf(w, "  Redis commands a second %.0f: feeds %.0f, saved devices %.0f, refreshes and reservations %.0f, idle %.0f\n", total, feeds, saves, writes, idle)
	cores := (rate*(m.change+m.follow*followers) + (saves+writes+idle)*m.command) / 1e6
	fmt.Fprintf(w, "  Redis CPU %.1f cores, at most, for a busy one takes several commands a turn: a Cluster of %d masters at half load\n", cores, int(cores*2)+1)
	fmt.Fprintf(w, "  traffic in %.1f MB/s, out %.1f MB/s; memory %.1f GB, and as much at each master's replica\n",
		(rate*m.in+(refreshes+reserved)*m.memory)/1e6, rate*m.out*followers/1e6, float64(s.subscriptions)*m.memory/1e9)
	lost := float64(s.subscriptions) / float64(s.replicas)
	fmt.Fprintf(w, "  a replica dies: %.0f subscriptions, %.0f s until the others have them; a Redis fails over: %.1f GB are written anew, %.0f s of Redis CPU\n",
		lost, m.lease.Seconds()+lost/followers/adopts, float64(s.subscriptions)*m.writeIn/1e9, float64(s.subscriptions)*m.write*m.command/1e6)
}
