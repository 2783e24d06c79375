package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// forward serves "forward LISTEN PID TARGET": each TCP connection accepted on LISTEN is joined to one to TARGET, which is made in the
// network namespace of process PID. It ends when that process does.
func forward() {
	if len(os.Args) != 4 {
		stop(errors.New("usage: forward LISTEN PID TARGET"))
	}
	pid, err := strconv.Atoi(os.Args[2])
	stop(err)
	process, err := unix.PidfdOpen(pid, 0)
	stop(err)
	space, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	stop(err)
	listener, err := net.Listen("tcp", os.Args[1])
	stop(err)
	go func() {
		for {
			near, err := listener.Accept()
			stop(err)
			go join(near.(*net.TCPConn), space, os.Args[3])
		}
	}()
	for {
		if _, err := unix.Poll([]unix.PollFd{{Fd: int32(process), Events: unix.POLLIN}}, -1); err != unix.EINTR {
			return
		}
	}
}

// join passes bytes both ways until both sides have said their last.
func join(near *net.TCPConn, space *os.File, target string) {
	defer near.Close()
	conn, err := dialIn(space, target)
	if err != nil {
		return
	}
	far := conn.(*net.TCPConn)
	defer far.Close()
	var both sync.WaitGroup
	pass := func(to, from *net.TCPConn) {
		io.Copy(to, from)
		to.CloseWrite()
	}
	both.Go(func() { pass(far, near) })
	both.Go(func() { pass(near, far) })
	both.Wait()
}

// dialIn connects from a thread that has entered the namespace. It stays locked to its goroutine, so it ends with it and
// nothing else runs in the namespace.
func dialIn(space *os.File, target string) (conn net.Conn, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if err = unix.Setns(int(space.Fd()), unix.CLONE_NEWNET); err == nil {
			conn, err = net.Dial("tcp", target)
		}
	}()
	<-done
	return conn, err
}

// stop ends the program where there is an error.
func stop(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "node forward:", err)
		os.Exit(1)
	}
}
