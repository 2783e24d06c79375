package policy

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// officeYAML is a policy of 100,000 lines, 1,000 groups and 50,000 phones with ten
// buttons each, as an administrator's tools would write it.
func officeYAML() string {
	const groups, lines, phones = 1000, 100_000, 50_000
	var b strings.Builder
	b.WriteString("default_inter_presence_group_subscription: disallow\ntenants:\n  - name: t\n    partitions: [{name: P}, {name: Q}]\n" +
		"    calling_search_spaces: [{name: PQ, partitions: [P, Q]}]\n    presence_groups:\n")
	for i := range groups {
		fmt.Fprintf(&b, "      - {name: Group %d, description: \"the %dth\"}\n", i, i)
	}
	b.WriteString("    permissions:\n")
	for i := range groups {
		for j := range 5 {
			fmt.Fprintf(&b, "      - {from: Group %d, to: Group %d, subscribe: allow}\n", i, (i+j+1)%groups)
		}
	}
	b.WriteString("    lines:\n")
	for i := range lines {
		fmt.Fprintf(&b, "      - number: %d\n        partition: Q\n        presence_group: Group %d\n        display_name: Person %d\n", 100_000+i, i%groups, i)
	}
	b.WriteString("    phones:\n")
	for i := range phones {
		fmt.Fprintf(&b, "      - name: SEP%d\n        device: PJSIP/%d\n        lines: [%d@Q]\n        presence_group: Group %d\n        subscribe_calling_search_space: PQ\n        blf_buttons:\n",
			i, 100_000+i, 100_000+i, i%groups)
		for j := range 10 {
			fmt.Fprintf(&b, "          - number: %d\n            label: Key %d\n", 100_000+(i+j+1)%lines, j)
		}
	}
	return b.String()
}

// BenchmarkImport reads, checks and compiles officeYAML: ≤ 10 s and ≤ 1 GB are wanted.
func BenchmarkImport(b *testing.B) {
	text := []byte(officeYAML())
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		d, err := Load(text)
		if err != nil {
			b.Fatal(err)
		}
		s, err := Compile(d)
		if err != nil {
			b.Fatal(err)
		}
		runtime.KeepAlive(s)
		b.ReportMetric(float64(residentMB()), "MB-peak")
	}
}

// residentMB is the most memory that this process ever had, as far as the system tells.
func residentMB() int {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	rest, _, _ = strings.Cut(rest, "kB")
	kb, _ := strconv.Atoi(strings.TrimSpace(rest))
	return kb / 1024
}
