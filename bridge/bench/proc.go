package bench

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of /proc/PID/stat's times: USER_HZ is 100 on every Linux.
const tick = 10 * time.Millisecond

// process is what /proc tells of one.
type process struct {
	pid, parent int
	cpu, ended  time.Duration // user and system, its own and that of its ended children
}

// descent are the processes and all their descendants. Where there is no /proc there are none.
func descent(pids []int) []process {
	if len(pids) == 0 {
		return nil
	}
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	all := make([]process, 0, len(files))
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue // it has ended
		}
		if p, ok := parseStat(text); ok {
			all = append(all, p)
		}
	}
	in := map[int]bool{}
	for _, p := range pids {
		in[p] = true
	}
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if !in[p.pid] && in[p.parent] {
				in[p.pid], grown = true, true
			}
		}
	}
	var out []process
	for _, p := range all {
		if in[p.pid] {
			out = append(out, p)
		}
	}
	return out
}

func parseStat(text []byte) (p process, ok bool) {
	pid, _, ok1 := bytes.Cut(text, []byte(" "))
	i := bytes.LastIndexByte(text, ')') // the name may hold anything
	if !ok1 || i < 0 {
		return p, false
	}
	fields := strings.Fields(string(text[i+1:])) // from the third of proc(5) on
	if len(fields) < 15 {
		return p, false
	}
	p.pid, _ = strconv.Atoi(string(pid))
	p.parent, _ = strconv.Atoi(fields[1])
	var times [4]time.Duration // utime, stime, cutime, cstime
	for i := range times {
		n, err := strconv.ParseInt(fields[11+i], 10, 64)
		if err != nil {
			return p, false
		}
		times[i] = time.Duration(n) * tick
	}
	p.cpu, p.ended = times[0]+times[1], times[2]+times[3]
	return p, true
}

// cpuOf is the CPU time of processes and their descendants.
func cpuOf(pids []int) (sum time.Duration) {
	for _, p := range descent(pids) {
		own, ok := cpuClock(p.pid)
		if !ok {
			own = p.cpu
		}
		sum += own + p.ended
	}
	return sum
}

// memoryOf is the resident memory of processes and their descendants, bytes: what they
// share counts once (PSS), where the kernel tells. files is the part of it that are pages
// of files, such as a bolt store's.
func memoryOf(pids []int) (all, files int64) {
	for _, p := range descent(pids) {
		rollup := fmt.Sprintf("/proc/%d/smaps_rollup", p.pid)
		n := field(rollup, "Pss:")
		if n == 0 {
			n = field(fmt.Sprintf("/proc/%d/status", p.pid), "VmRSS:")
		}
		all += n
		files += field(rollup, "Pss_File:")
	}
	return all, files
}

// field reads a number of kilobytes.
func field(path, name string) int64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == name {
			n, _ := strconv.ParseInt(f[1], 10, 64)
			return n << 10
		}
	}
	return 0
}

// dropsAt is how many datagrams the kernel has dropped at the UDP sockets of a local address.
func dropsAt(addr netip.AddrPort) (sum int64) {
	text, err := os.ReadFile("/proc/net/udp")
	if err != nil || !addr.Addr().Is4() {
		return 0
	}
	a := addr.Addr().As4()
	want := fmt.Sprintf("%02X%02X%02X%02X:%04X", a[3], a[2], a[1], a[0], addr.Port())
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) >= 13 && f[1] == want {
			n, _ := strconv.ParseInt(f[12], 10, 64)
			sum += n
		}
	}
	return sum
}

// ownCPU is the CPU time of this process.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
