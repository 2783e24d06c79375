package admin

import (
	"math"
	"runtime/debug"
	"testing"

	"blfbridge/policy"
)

// TestLean: the limit is there while a large policy is replaced, however many at once, and
// an operator's lower one stays.
func TestLean(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(math.MaxInt64))
	limit := func() int64 { return debug.SetMemoryLimit(-1) }
	var l leanness
	l.begin(false)()
	first, second := l.begin(true), l.begin(true)
	if got := limit(); got < leanMemory || got == math.MaxInt64 {
		t.Errorf("limit %d", got)
	}
	first()
	if limit() == math.MaxInt64 {
		t.Error("gone while the second still runs")
	}
	second()
	if limit() != math.MaxInt64 {
		t.Errorf("%d is left", limit())
	}
	debug.SetMemoryLimit(leanMemory / 2)
	done := l.begin(true)
	if got := limit(); got != leanMemory/2 {
		t.Errorf("the operator's limit became %d", got)
	}
	done()
	if got := limit(); got != leanMemory/2 {
		t.Errorf("the operator's limit became %d", got)
	}
}

func TestLarge(t *testing.T) {
	d := &policy.Document{Tenants: make([]policy.Tenant, 2)}
	if isLarge(nil) || isLarge(d) {
		t.Error("an empty policy is large")
	}
	d.Tenants[0].Lines, d.Tenants[1].Phones = make([]policy.DirectoryNumber, largePolicy/2), make([]policy.Phone, largePolicy/2)
	if !isLarge(d) {
		t.Error("a large policy is not")
	}
}
