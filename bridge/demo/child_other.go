//go:build !linux

package demo

import "syscall"

func ownGroup() *syscall.SysProcAttr { return nil }
