//go:build !linux

package bench

import (
	"os/exec"
	"syscall"
)

// Detach keeps a terminal's Ctrl-C from a server that must end after the phones.
func Detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
