package lab

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// Ports of [portsFrom, portsTo) are given out: above those of the fixed instances, below those that outgoing
// connections take, which would hold the port of a server that is started again.
const portsFrom, portsTo = 22000, 32000

// setOpenFileLock is F_OFD_SETLK: a lock of the open file, which ends with the process (fcntl(2)).
const setOpenFileLock = 37

// taken are the ports of this process. The file has a byte for each port, locked by who has it.
var taken struct {
	sync.Mutex
	file  *os.File
	ports [portsTo]bool
}

// Port returns a port of 127.0.0.1 that is free over UDP and TCP, and that no call in any process on this machine
// returns again before this process has ended: so a server may be ended and started on it. Safe for concurrent use.
func Port() (int, error) { return portRange(1) }

// portRange returns the first of n neighbouring such ports.
func portRange(n int) (int, error) {
	taken.Lock()
	defer taken.Unlock()
	if taken.file == nil {
		f, err := os.OpenFile(filepath.Join(os.TempDir(), "blfbridge-ports.lock"), os.O_CREATE|os.O_RDWR, 0o666)
		if err != nil {
			return 0, fmt.Errorf("lab: ports: %w", err)
		}
		taken.file = f
	}
	for range 1000 {
		first := portsFrom + rand.IntN(portsTo-portsFrom-n+1)
		if !reserve(first, n) {
			continue
		}
		all := true
		for p := first; p < first+n; p++ {
			taken.ports[p] = true // also if another program holds one: no need to ask again
			all = all && free(p)
		}
		if all {
			return first, nil
		}
	}
	return 0, errors.New("lab: no free ports on 127.0.0.1")
}

// reserve locks ports against other processes, unless one is taken.
func reserve(first, n int) bool {
	for p := first; p < first+n; p++ {
		if taken.ports[p] {
			return false
		}
	}
	l := syscall.Flock_t{Type: syscall.F_WRLCK, Start: int64(first), Len: int64(n)}
	return syscall.FcntlFlock(taken.file.Fd(), setOpenFileLock, &l) == nil
}
