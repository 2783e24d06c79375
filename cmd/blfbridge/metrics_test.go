package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"blfbridge/bridge"
	"blfbridge/bridge/certs/certstest"
	"blfbridge/bridge/config"
	"blfbridge/bridge/store/storetest"
)

// recorder is a registry that remembers what each metric is, also of vectors that have
// no value yet.
type recorder struct {
	*prometheus.Registry
	mu   sync.Mutex // guards rows
	rows map[string]string
}

var descForm = regexp.MustCompile(`^Desc\{fqName: "(\w+)", help: ("(?:[^"\\]|\\.)*"),.* constLabels: \{(.*?)\}, variableLabels: \{(.*)\}\}$`)

func (r *recorder) Register(c prometheus.Collector) error {
	if err := r.Registry.Register(c); err != nil {
		return err
	}
	descs := make(chan *prometheus.Desc)
	go func() { c.Describe(descs); close(descs) }()
	r.mu.Lock()
	defer r.mu.Unlock()
	for d := range descs {
		m := descForm.FindStringSubmatch(d.String())
		if m == nil || !strings.HasPrefix(m[1], "blfbridge_") {
			continue
		}
		labels := strings.Join(slices.DeleteFunc(append(constNames(m[3]), strings.Split(m[4], ",")...),
			func(l string) bool { return l == "" }), ", ")
		r.rows[m[1]] = fmt.Sprintf("| `%s` | %s | %s | %s |\n", m[1], kind(m[1]), labels, strings.Trim(m[2], `"`))
		if got := fmt.Sprintf("%T", c); reflect.TypeOf(c) != reflect.TypeFor[*prometheus.Registry]() &&
			!strings.Contains(strings.ToLower(got), kind(m[1])) && !strings.Contains(got, "Func") {
			r.rows[m[1]] += fmt.Sprintf("%s is a %s, which its name does not say\n", m[1], got)
		}
	}
	return nil
}

func (r *recorder) MustRegister(cs ...prometheus.Collector) {
	for _, c := range cs {
		if err := r.Register(c); err != nil {
			panic(err)
		}
	}
}

// labelName finds the names in name="value",… .
var labelName = regexp.MustCompile(`\w+(?:="(?:[^"\\]|\\.)*")`)

func constNames(s string) (names []string) {
	for _, one := range labelName.FindAllString(s, -1) {
		names = append(names, one[:strings.Index(one, "=")])
	}
	return names
}

// kind is what a metric's name says that it is.
func kind(name string) string {
	switch {
	case strings.HasSuffix(name, "_total"):
		return "counter"
	case strings.HasSuffix(name, "_seconds"), strings.HasSuffix(name, "_size"):
		return "histogram"
	}
	return "gauge"
}

// TestMetricsList: metrics.md lists every metric of a bridge with both kinds of PBX, and
// each is named as its kind is. No label tells an extension or a watcher.
func TestMetricsList(t *testing.T) {
	cert, key := certstest.New(t, "ca").Write(t, t.TempDir(), certstest.Leaf{Names: []string{"blf.test"}})
	_, redis := storetest.StartRedis(t)
	cfg, err := config.Parse([]byte(fmt.Sprintf(`
sip: {listen: ["udp://127.0.0.1:0", "tcp://127.0.0.1:0", "tls://127.0.0.1:0"], tls: {cert_file: %q, key_file: %q}}
admin: {listen: "127.0.0.1:0"}
store: {type: redis, url: [%q]}
replicas: {enabled: true}
edge: {enabled: true}
pbx:
- {name: a, type: asterisk, url: "http://127.0.0.1:1", username: u, password: p, sip: "udp://127.0.0.1:1"}
- {name: f, type: freeswitch, address: "127.0.0.1:1", password: p}
`, cert, key, redis.URL())), nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{Registry: prometheus.NewRegistry(), rows: map[string]string{}}
	b, err := bridge.New(bridge.Options{Config: cfg, Source: newSource, Registry: r, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := b.Run(ctx); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	text.WriteString("# Metrics\n\nWhat `/metrics` tells, in Prometheus' format. Written by `go test ./cmd/blfbridge -run TestMetricsList -update`.\n" +
		"`source` is the name of a PBX in the configuration.\n\n| Metric | Kind | Labels | Meaning |\n|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(r.rows)) {
		text.WriteString(r.rows[name])
	}
	if n := len(r.rows); n < 50 {
		t.Errorf("%d metrics only", n)
	}
	if i := strings.Index(text.String(), "does not say"); i >= 0 {
		t.Error(text.String()[max(0, i-150):i])
	}
	for _, word := range []string{"extension", "watcher", "presentity", "number", "call_id"} {
		for _, row := range r.rows {
			if labels := strings.Split(row, "|")[3]; strings.Contains(labels, word) {
				t.Errorf("a label for each %s: %s", word, row)
			}
		}
	}
	if *update {
		if err := os.WriteFile("metrics.md", []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile("metrics.md"); err != nil || string(got) != text.String() {
		t.Errorf("metrics.md is not what the bridge registers (%v): see what changed with go test -update and git diff", err)
	}
}
