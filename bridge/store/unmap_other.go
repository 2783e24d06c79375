//go:build !linux

package store

// unmap does nothing here: the system takes the pages of the file when it wants to.
func (*Bolt) unmap() {}
