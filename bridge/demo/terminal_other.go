//go:build !unix

package demo

import "os"

func terminalSize(*os.File) (width, height int, ok bool) { return 0, 0, false }
