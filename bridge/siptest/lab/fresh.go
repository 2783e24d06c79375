package lab

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
)

// freshPorts is how many ports an instance gets: SIP, HTTP, and for media two for each leg of twenty calls.
const freshPorts = 90

// Fresh returns an instance of its own, with a name and ports that nobody else uses, so
// that several runs do not meet. Remove it when done. scripts is the folder with up and down.
func Fresh(scripts, name string) (Asterisk, error) {
	a := Asterisk{Scripts: scripts, Name: name + strconv.Itoa(os.Getpid()) + "x" + strconv.Itoa(rand.IntN(1000))}
	base, err := portRange(freshPorts)
	if err != nil {
		return a, err
	}
	a.SIPPort, a.HTTPPort = base, base+1
	a.RTP = fmt.Sprintf("%d-%d", base+10, base+freshPorts-1)
	return a, nil
}

// free reports whether a port of 127.0.0.1 can be had for UDP and TCP.
func free(port int) bool {
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	t, err := net.Listen("tcp", addr)
	if err != nil {
		return false
	}
	t.Close()
	u, err := net.ListenPacket("udp", addr)
	if err != nil {
		return false
	}
	u.Close()
	return true
}
