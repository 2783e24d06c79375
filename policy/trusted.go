package policy

import "slices"

// DefaultTrustedNetworks are the networks whose watchers need no credentials unless the
// document says otherwise: loopback and private ones.
func DefaultTrustedNetworks() []string { return slices.Clone(defaultTrusted) }
