//go:build race

package bench

// everybody is how many subscribe at once: the race detector makes a crowd of a few.
const everybody = 6_000

// devices is how many a PBX reports at once.
const devices = 8_000
