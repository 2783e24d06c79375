package bench

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
)

// Report is what a run of scenarios found.
type Report struct {
	// Server says what was measured: "bolt", "redis" or the address of a foreign server.
	Server     string     `json:"server"`
	Conditions Conditions `json:"conditions"`
	// EmptyBytes is the memory of the server's processes before the first subscription.
	EmptyBytes int64    `json:"empty_bytes"`
	Results    []Result `json:"results"`
}

// Conditions are where and when it was measured.
type Conditions struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
	Date   string `json:"date"`
	// Load is the machine's load average over a minute at the start: others that run spoil
	// latencies, and CPU times a little.
	Load float64 `json:"load"`
}

// Result is one measured phase of a scenario. CPU times are user and system, in
// microseconds per operation, of the server's processes with all their descendants.
type Result struct {
	Scenario string `json:"scenario"`
	// Server is that of Options.Beside; empty = Report.Server.
	Server        string  `json:"server,omitempty"`
	Subscriptions int     `json:"subscriptions"`
	Lines         int     `json:"lines"`
	Operations    int     `json:"operations"` // SUBSCRIBEs, or NOTIFYs in fanout, or pairs in limit
	Seconds       float64 `json:"seconds"`
	PerSecond     float64 `json:"per_second"`
	CPU           float64 `json:"cpu_us"`
	// StoreCPU is that of the store's processes (Options.StorePIDs); not in CPU.
	StoreCPU     float64 `json:"store_cpu_us,omitempty"`
	GeneratorCPU float64 `json:"generator_cpu_us"`
	Cores        float64 `json:"cores"` // that the server was on, on average

	OK     *Latency `json:"ok,omitempty"`     // SUBSCRIBE → its final answer
	Notify *Latency `json:"notify,omitempty"` // SUBSCRIBE → its NOTIFY
	Change *Latency `json:"change,omitempty"` // change → NOTIFY; in restart, start → NOTIFY
	Last   *Latency `json:"last,omitempty"`   // change → the last watcher's NOTIFY

	Notifies        uint64  `json:"notifies"`
	NotifyBytes     float64 `json:"notify_bytes"` // mean
	Retransmissions uint64  `json:"retransmissions"`
	Duplicates      uint64  `json:"duplicates"`
	Refused         uint64  `json:"refused"`
	Failed          uint64  `json:"failed"`
	Strange         uint64  `json:"strange"`
	VersionGaps     uint64  `json:"version_gaps"`
	StepsBack       uint64  `json:"steps_back"`
	Reused          uint64  `json:"cseq_reused"`
	Ended           uint64  `json:"ended"`
	Lost            uint64  `json:"lost"`        // on purpose
	Drops           int64   `json:"drops"`       // by the kernel at the server's socket
	PhoneDrops      int64   `json:"phone_drops"` // by the kernel at the phones' sockets: the generator was too slow
	Wrong           int     `json:"wrong"`       // phones that show a wrong lamp at the end

	// Bytes is the memory per standing subscription: that of the processes minus that of
	// the empty server's. IdleBytes is the same after unused memory was given back.
	// FileBytes is the part of IdleBytes that are pages of the store's file, which the
	// kernel takes back when it needs them.
	Bytes     float64 `json:"bytes_per_subscription,omitempty"`
	IdleBytes float64 `json:"idle_bytes_per_subscription,omitempty"`
	FileBytes float64 `json:"file_bytes_per_subscription,omitempty"`
	GC        float64 `json:"full_gc_ms,omitempty"`
	// Syncs is how many durable rounds the store made, Commit the mean time of a group's.
	Syncs  float64 `json:"store_syncs,omitempty"`
	Commit float64 `json:"store_commit_ms,omitempty"`
}

// Err says what a correct server must not do.
func (r *Result) Err() error {
	var bad []string
	for _, c := range [...]struct {
		n    uint64
		what string
	}{
		{r.VersionGaps, "gaps in versions"}, {r.StepsBack, "steps back of version or CSeq"}, {r.Reused, "CSeqs used twice"}, {uint64(r.Wrong), "wrong lamps at the end"},
		{r.Failed, "failed SUBSCRIBEs"}, {r.Ended, "subscriptions ended by the server"}, {r.Strange, "messages that make no sense"},
	} {
		if c.n > 0 {
			bad = append(bad, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return fmt.Errorf("bench: %s: %s", r.Scenario, strings.Join(bad, ", "))
}

// Write prints the report as a table for people.
func (r *Report) Write(w io.Writer) error {
	c := r.Conditions
	fmt.Fprintf(w, "server %s; %s, %d cores, Linux %s, %s, %s, load %.2f; %.1f MB when empty\n",
		r.Server, c.CPU, c.Cores, c.Kernel, c.Go, c.Date, c.Load, float64(r.EmptyBytes)/1e6)
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "scenario\tsubscr.\tops\tops/s\tCPU µs/op\tstore µs/op\tlatency of\tp50 ms\tp90\tp99\tmax\tsent again\tdropped\trefused\tB/subscr.")
	for i := range r.Results {
		x := &r.Results[i]
		name := x.Scenario
		if x.Server != "" {
			name += " at " + x.Server
		}
		cells := []string{name, fmt.Sprint(x.Subscriptions), fmt.Sprint(x.Operations), fmt.Sprintf("%.0f", x.PerSecond),
			fmt.Sprintf("%.2f", x.CPU), optional("%.2f", x.StoreCPU)}
		tail := []string{fmt.Sprint(x.Retransmissions + x.Duplicates), fmt.Sprint(x.Drops), fmt.Sprint(x.Refused), optional("%.0f", cmp.Or(x.IdleBytes, x.Bytes))}
		for _, l := range [...]struct {
			name string
			*Latency
		}{{"200", x.OK}, {"NOTIFY", x.Notify}, {"change", x.Change}, {"last", x.Last}} {
			if l.Latency == nil {
				continue
			}
			row := append(append(cells, l.name, fmt.Sprintf("%.2f", l.P50), fmt.Sprintf("%.2f", l.P90), fmt.Sprintf("%.2f", l.P99), fmt.Sprintf("%.2f", l.Max)), tail...)
			fmt.Fprintln(t, strings.Join(row, "\t"))
			cells, tail = make([]string, 6), make([]string, 4)
		}
		if cells[0] != "" {
			fmt.Fprintln(t, strings.Join(append(append(cells, "", "", "", "", ""), tail...), "\t"))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for i := range r.Results {
		x := &r.Results[i]
		if x.GC > 0 {
			fmt.Fprintf(w, "%s: %.0f bytes per subscription when idle, %.0f of them pages of the store's file; full garbage collection %.1f ms\n",
				x.Scenario, x.IdleBytes, x.FileBytes, x.GC)
		}
		if x.Syncs > 0 {
			fmt.Fprintf(w, "%s: %.0f durable rounds of the store, %.2f ms each on average\n", x.Scenario, x.Syncs, x.Commit)
		}
		if x.PhoneDrops > 0 {
			fmt.Fprintf(w, "%s: the phones were too slow: %d datagrams had no room at their sockets\n", x.Scenario, x.PhoneDrops)
		}
		if err := x.Err(); err != nil {
			fmt.Fprintln(w, err)
		}
	}
	return nil
}

func optional(format string, v float64) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf(format, v)
}

func round(v float64, digits int) float64 {
	p := math.Pow10(digits)
	return math.Round(v*p) / p
}
