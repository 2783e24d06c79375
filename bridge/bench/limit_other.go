//go:build !linux

package bench

import (
	"bufio"
	"errors"
)

// serveLimit: the bare loop is made of Linux's system calls.
func serveLimit(childConfig, *bufio.Scanner, func(any) error) error {
	return errors.New("bench: the limit can be measured on Linux only")
}
