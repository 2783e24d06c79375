//go:build !norepair

package cluster

// repairs: who follows a feed reads everything again when it missed an entry. The build tag
// norepair leaves that out: what checks replicas must find out.
const repairs = true
