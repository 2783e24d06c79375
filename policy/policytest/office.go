// Package policytest makes policy documents of any size, for tests and benchmarks.
package policytest

import (
	"fmt"
	"strings"
)

// Office is a policy of so many groups, lines and phones with ten buttons each, as an
// administrator's tools would write it.
func Office(groups, lines, phones int) string {
	var b strings.Builder
	b.WriteString("default_inter_presence_group_subscription: disallow\ntenants:\n  - name: t\n    partitions: [{name: P}, {name: Q}]\n" +
		"    calling_search_spaces: [{name: PQ, partitions: [P, Q]}]\n    presence_groups:\n")
	for i := range groups {
		fmt.Fprintf(&b, "      - {name: Group %d, description: \"the %dth\"}\n", i, i)
	}
	b.WriteString("    permissions:\n")
	for i := range groups {
		for j := range 5 {
			fmt.Fprintf(&b, "      - {from: Group %d, to: Group %d, subscribe: allow}\n", i, (i+j+1)%groups)
		}
	}
	b.WriteString("    lines:\n")
	for i := range lines {
		fmt.Fprintf(&b, "      - number: %d\n        partition: Q\n        presence_group: Group %d\n        display_name: Person %d\n", 100_000+i, i%groups, i)
	}
	b.WriteString("    phones:\n")
	for i := range phones {
		fmt.Fprintf(&b, "      - name: SEP%d\n        device: PJSIP/%d\n        lines: [%d@Q]\n        presence_group: Group %d\n        subscribe_calling_search_space: PQ\n        blf_buttons:\n",
			i, 100_000+i, 100_000+i, i%groups)
		for j := range 10 {
			fmt.Fprintf(&b, "          - number: %d\n            label: Key %d\n", 100_000+(i+j+1)%lines, j)
		}
	}
	return b.String()
}
