package store

import (
	"os"
	"syscall"
)

// mapped is the beginning of a file in memory, until done: neither copied nor, page by page,
// waited for.
func mapped(f *os.File, size int) (all []byte, done func() error, err error) {
	all, err = syscall.Mmap(int(f.Fd()), 0, size, syscall.PROT_READ, syscall.MAP_SHARED|syscall.MAP_POPULATE)
	return all, func() error { return syscall.Munmap(all) }, err
}
