package policy

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"blfbridge/policy/policytest"
)

// BenchmarkImport reads, checks and compiles a large office: ≤ 10 s and ≤ 1 GB are wanted.
func BenchmarkImport(b *testing.B) {
	text := []byte(policytest.Office(1000, 100_000, 50_000))
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
