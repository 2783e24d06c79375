package storetest

import "syscall"

// diesWithTest makes the kernel end the server if the test binary is killed.
func diesWithTest() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
