package demo

import "syscall"

// ownGroup keeps the terminal's Ctrl-C from a child that must end after us, and lets the
// kernel end it if we are killed.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
