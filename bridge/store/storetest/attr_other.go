//go:build !linux

package storetest

import "syscall"

func diesWithTest() *syscall.SysProcAttr { return nil }
