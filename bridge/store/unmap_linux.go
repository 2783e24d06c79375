package store

import (
	"syscall"

	bolt "go.etcd.io/bbolt"
)

// unmap lets go of the pages of the file that folding has touched: they stay in the page
// cache, where they cost nothing when memory gets scarce, and do not count as ours. The
// read transaction keeps bbolt from mapping the file anew meanwhile.
func (b *Bolt) unmap() {
	_ = b.file.guard(func() error {
		return b.file.db.View(func(tx *bolt.Tx) error {
			if size := tx.Size(); size > 0 {
				_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, b.file.db.Info().Data, uintptr(size), syscall.MADV_DONTNEED)
			}
			return nil
		})
	})
}
