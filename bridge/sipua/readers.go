package sipua

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
)

// maxReaders bounds the sockets of one address; beyond it the loops are what is waited for.
const maxReaders = 16

// defaultReaders leaves half of the processors to the notifier's loops.
func defaultReaders() int { return min(max(runtime.GOMAXPROCS(0)/2, 1), maxReaders) }

// listenMany opens count sockets of one address, which share what comes in by the sender's
// address and port: what one phone sends stays in order. One that somebody else has, another
// blfbridge too, is refused as if there were one socket: who shares an address would take
// half of the phones away without a word.
func listenMany(network string, addr *net.UDPAddr, count int) (all []PacketConn, err error) {
	alone, err := net.ListenUDP(network, addr)
	if err != nil {
		return nil, err
	}
	if count == 1 || !sharesPorts {
		return []PacketConn{alone}, nil
	}
	at := alone.LocalAddr().(*net.UDPAddr).AddrPort()
	at = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	if err := alone.Close(); err != nil {
		return nil, err
	}
	share := net.ListenConfig{Control: sharePort}
	for range count {
		c, err := share.ListenPacket(context.Background(), network, at.String())
		if err != nil {
			for _, c := range all {
				err = errors.Join(err, c.Close())
			}
			return nil, err
		}
		all = append(all, c.(*net.UDPConn))
	}
	return all, nil
}
