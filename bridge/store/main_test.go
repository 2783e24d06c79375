package store_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if job := os.Getenv("BLF_STORE_CHILD"); job != "" {
		child(job)
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}
