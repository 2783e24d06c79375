package bench

import (
	"os/exec"
	"syscall"
)

// Detach keeps a terminal's Ctrl-C from a server that must end after the phones, and lets
// the kernel end it if we are killed.
func Detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
