package lab

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
)

// rtpPorts is how many media ports an instance gets: two for each leg of twenty calls.
const rtpPorts = 80

// Fresh returns an instance of its own, with a name and ports that nobody else uses, so
// that several runs do not meet. Remove it when done. scripts is the folder with up and down.
func Fresh(scripts, name string) (Asterisk, error) {
	a := Asterisk{Scripts: scripts, Name: name + strconv.Itoa(os.Getpid()) + "x" + strconv.Itoa(rand.IntN(1000))}
	for range 50 {
		base := 20000 + 100*rand.IntN(120) // below 32768: above, any outgoing connection may hold a port
		if free(base) && free(base+1) && free(base+10) {
			a.SIPPort, a.HTTPPort = base, base+1
			a.RTP = fmt.Sprintf("%d-%d", base+10, base+10+rtpPorts-1)
			return a, nil
		}
	}
	return a, fmt.Errorf("lab: no free ports found for an Asterisk")
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
