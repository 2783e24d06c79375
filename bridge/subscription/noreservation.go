//go:build noreservation

package subscription

const reserves = false
