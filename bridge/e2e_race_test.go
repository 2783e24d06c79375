//go:build race

package bridge_test

// raced: the program under test looks for data races too.
const raced = true
