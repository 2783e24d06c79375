package store

import (
	"os"
	"syscall"
)

// datasync makes what was written durable, and of the file's metadata what reading it needs.
func datasync(f *os.File) error {
	for {
		if err := syscall.Fdatasync(int(f.Fd())); err != syscall.EINTR {
			return err
		}
	}
}
