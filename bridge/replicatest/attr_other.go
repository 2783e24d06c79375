//go:build !linux

package replicatest

import "syscall"

func diesWithUs() *syscall.SysProcAttr { return nil }
