package sipua

import (
	"strings"

	"blfbridge/bridge/subscription"
)

// services is the one table of what is ours: a request of that method for that event
// package is answered here, whether or not there is an edge. With an edge every other
// request is relayed; without, another event gets 489 and another method what methods.go
// says.
var services = []service{
	{"SUBSCRIBE", "dialog", subscription.Dialog},
	{"SUBSCRIBE", "presence", subscription.Presence},
}

type service struct {
	method, event string
	pkg           subscription.Package
}

// serviceOf finds the row of a request; nil if it is not ours. Event packages are compared
// with case ignored, as phones write them.
func serviceOf[T []byte | string](method, event T) *service {
	for i := range services {
		if s := &services[i]; string(method) == s.method && strings.EqualFold(string(event), s.event) {
			return s
		}
	}
	return nil
}

// Served reports whether a request of that method, with the value of its Event header, is
// answered here.
func Served(method, event []byte) bool {
	if len(method) != len("SUBSCRIBE") || string(method) != "SUBSCRIBE" {
		return false
	}
	name, _, _ := strings.Cut(string(event), ";")
	return serviceOf("SUBSCRIBE", strings.TrimSpace(name)) != nil
}
