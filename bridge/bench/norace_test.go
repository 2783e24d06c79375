//go:build !race

package bench

// everybody is how many subscribe at once.
const everybody = 20_000

// devices is how many a PBX reports at once.
const devices = 50_000
