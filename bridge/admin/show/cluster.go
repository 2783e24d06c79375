package show

import (
	"cmp"
	"fmt"
	"io"
	"strconv"

	"blfbridge/bridge/admin/api"
)

// Cluster writes who owns what of several replicas.
func Cluster(w io.Writer, v *api.Cluster) error {
	p := &printer{w: w}
	p.f("Replicas: %d live; %s was asked\n", len(v.Replicas), v.Replica)
	rows := [][]string{{"Replica", "Heard of", "Shards", "Subscr.", "Adopted", "Rewritten", "Stale"}}
	for i := range v.Replicas {
		r := &v.Replicas[i]
		heard := fmt.Sprintf("%.1f s ago", r.BeatAgo)
		if r.Leaving {
			heard += ", leaves"
		}
		rows = append(rows, []string{r.Name, heard, strconv.Itoa(r.Shards), strconv.Itoa(r.Subscriptions), strconv.Itoa(r.Adopted), strconv.Itoa(r.Rewrites), strconv.Itoa(r.Stale)})
	}
	p.table(rows, []int{24, 10, 6, 7, 7, 9, 5})
	for i := range v.Feeds {
		f := &v.Feeds[i]
		p.f("\nPBX %s: held by %s, token %d, entry %d", f.Source, cmp.Or(f.Holder, "nobody"), f.Token, f.Entry)
		if f.Holder != "" {
			p.f(", lease renewed %.1f s ago, %.1f s left", f.RenewedAgo, f.LeaseLeft)
		}
		p.f("\n")
		rows := [][]string{{"Replica", "Entry", "Behind", "Lag"}}
		for j := range v.Replicas {
			for _, at := range v.Replicas[j].Feeds {
				if at.Source == f.Source {
					rows = append(rows, []string{v.Replicas[j].Name, strconv.FormatUint(at.Entry, 10), strconv.FormatUint(at.Behind, 10), fmt.Sprintf("%.1f ms", at.LagMs)})
				}
			}
		}
		p.table(rows, []int{24, 8, 6, 8})
	}
	owned, nobody := map[string]int{}, 0
	for _, s := range v.Shards {
		if owned[s.Owner]++; s.Owner == "" {
			nobody++
		}
	}
	p.f("\nShards of subscriptions: %d, %d of them nobody's\n", len(v.Shards), nobody)
	return p.err
}
