//go:build !noreservation

package subscription

// reserves: numbers are reserved in the store ahead of their use. The build tag noreservation
// leaves that out: what checks replicas must find out.
const reserves = true
