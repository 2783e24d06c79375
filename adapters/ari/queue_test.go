package ari

import (
	"fmt"
	"testing"
)

func TestQueueKeepsOrderAndBound(t *testing.T) {
	q := newQueue()
	for i := range 10 {
		q.push(rawEvent{data: fmt.Append(nil, i)})
	}
	items, overflow := q.take()
	if len(items) != 10 || overflow || string(items[0].data) != "0" || string(items[9].data) != "9" {
		t.Fatalf("%d items, overflow %v", len(items), overflow)
	}
	for range queueMax + 5 {
		q.push(rawEvent{})
	}
	if items, overflow = q.take(); len(items) != 4 || !overflow {
		t.Errorf("%d items, overflow %v after %d too many", len(items), overflow, 5)
	}
	if _, overflow = q.take(); overflow {
		t.Error("an overflow is told twice")
	}
	big := make([]byte, queueMaxBytes/4)
	for range 5 {
		q.push(rawEvent{data: big})
	}
	if _, overflow = q.take(); !overflow {
		t.Error("no overflow by bytes")
	}
}
