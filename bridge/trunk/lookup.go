package trunk

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"blfbridge/bridge/subscription"
)

const (
	// serviceTime and resolveTime bound the lookups of a destination's services, all
	// together, and of a host's addresses.
	serviceTime = time.Second
	resolveTime = 2 * time.Second
	// maxAddresses bounds what a name may lead to.
	maxAddresses = 16
)

var errNoAddress = errors.New("no address")

// services are where RFC 3263 §4.1 finds the servers of a domain, in the order in which we
// try them.
var services = [...]struct {
	transport      subscription.Transport
	service, proto string
}{
	{subscription.UDP, "sip", "udp"}, {subscription.TCP, "sip", "tcp"}, {subscription.TLS, "sips", "tcp"},
}

// lookup resolves a destination's host, and goes on with its addresses.
func (s *Subscriber) lookup(x *external, c candidate) {
	round, ctx := x.round, s.running
	s.lookups.Go(func() {
		found, err := s.resolve(ctx, &c)
		s.mu.Lock()
		defer s.mu.Unlock()
		if x.round != round || x.phase != seeking || s.externals[x.key] != x || s.stopping || len(x.candidates) == 0 {
			return
		}
		x.candidates = append(found, x.candidates[1:]...)
		if len(found) == 0 {
			s.judge(x, &c, unreachable, fmt.Sprintf("%s cannot be resolved: %v", c.to.Host, err))
		}
		s.next(x)
	})
}

// resolve finds the addresses of a destination: with no port given by the SRV records of
// its transport, or of the first that has any if it names none (RFC 3263 §4.2); else those
// of the host.
func (s *Subscriber) resolve(ctx context.Context, c *candidate) (found []candidate, err error) {
	if c.to.Port == 0 && !strings.EqualFold(c.to.Host, "localhost") {
		for _, one := range s.servers(ctx, c) {
			addresses, hostErr := s.addresses(ctx, &one)
			found, err = append(found, addresses...), errors.Join(err, hostErr)
		}
		if len(found) > 0 || err != nil {
			return found[:min(len(found), maxAddresses)], err
		}
	}
	found, err = s.addresses(ctx, c)
	return found[:min(len(found), maxAddresses)], err
}

// servers are what the SRV records of a destination name, none if there are none.
func (s *Subscriber) servers(ctx context.Context, c *candidate) (out []candidate) {
	ctx, cancel := context.WithTimeout(ctx, serviceTime)
	defer cancel()
	for _, v := range services {
		if c.to.Transport != "" && c.transport() != v.transport {
			continue
		}
		_, records, _ := s.c.Resolver.LookupSRV(ctx, v.service, v.proto, c.to.Host)
		for _, r := range records[:min(len(records), maxAddresses)] {
			host := strings.TrimSuffix(r.Target, ".")
			if host == "" {
				continue // RFC 2782: the service is decidedly not there
			}
			one := *c
			one.to.Host, one.to.Port, one.to.Transport = host, r.Port, strings.ToLower(v.transport.String())
			out = append(out, one)
		}
		if len(out) > 0 {
			return out
		}
	}
	return nil
}

// addresses are those of a candidate's host.
func (s *Subscriber) addresses(ctx context.Context, c *candidate) (out []candidate, err error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	list, err := s.c.Resolver.LookupNetIP(ctx, "ip", c.to.Host)
	for _, a := range list {
		one := *c
		one.to.Host, one.to.Port = a.Unmap().WithZone("").String(), c.port()
		out = append(out, one)
	}
	if err == nil && len(out) == 0 {
		err = errNoAddress
	}
	return out, err
}
