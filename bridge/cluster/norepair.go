//go:build norepair

package cluster

const repairs = false
