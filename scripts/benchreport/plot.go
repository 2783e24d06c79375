package main

import (
	"fmt"
	"html"
	"strings"
)

// chart is a bar chart: groups of bars, each with its value written at its end.
type chart struct {
	title, note string
	groups      []barGroup
}

type barGroup struct {
	name string
	bars []bar
}

type bar struct {
	name  string
	value float64
	class string // of the colour
}

// charts are the plots, by name.
func charts(m *measured) map[string]*chart {
	cost := &chart{title: "CPU microseconds of the server per operation", note: "Less is better. Medians; UDP on loopback; " + m.first.CPU + "."}
	group := func(name string, bars ...bar) {
		g := barGroup{name: name}
		for _, b := range bars {
			if b.value > 0 {
				g.bars = append(g.bars, b)
			}
		}
		if len(g.bars) > 0 {
			cost.groups = append(cost.groups, g)
		}
	}
	of := func(what, scenario string) float64 { v, _ := m.of(what, scenario, cpuAll); return v }
	group("change → NOTIFY → 200", bar{"system calls alone", of("limit", "limit"), "z"}, bar{"blfbridge", of("bolt", "fanout"), "a"}, bar{"Kamailio", of("kamailio", "fanout"), "b"})
	group("SUBSCRIBE, first NOTIFY", bar{"blfbridge, on disk", of("bolt", "storm"), "a"}, bar{"Kamailio, in memory", of("kamailio", "storm"), "b"})
	group("refresh", bar{"blfbridge, on disk", of("bolt", "refresh"), "a"}, bar{"Kamailio, in memory", of("kamailio", "refresh"), "b"})
	group("SUBSCRIBE, on Redis with its CPU", bar{"blfbridge", of("redis", "storm"), "a"}, bar{"Kamailio", of("kamailio-redis", "storm"), "b"})
	out := map[string]*chart{"cpu": cost}

	size := &chart{title: "The same with more subscriptions: CPU microseconds per operation", note: "Flat is better."}
	for _, s := range []struct{ scenario, name string }{{"fanout", "change → NOTIFY → 200"}, {"storm", "SUBSCRIBE, first NOTIFY"}, {"refresh", "refresh"}} {
		g := barGroup{name: s.name}
		for _, n := range []struct{ file, name string }{{"1k", "1,000"}, {"20k", "20,000"}, {"200k", "200,000"}, {"1m", "1,000,000"}} {
			if v, ok := m.mean("size-"+n.file, s.scenario, cpuAll); ok {
				g.bars = append(g.bars, bar{n.name, v, "a"})
			}
		}
		if len(g.bars) > 1 {
			size.groups = append(size.groups, g)
		}
	}
	if len(size.groups) > 0 {
		out["size"] = size
	}
	return out
}

// svg draws it, legible on light and dark pages.
func (c *chart) svg() string {
	const width, left, rowHeight, gap = 760, 170, 22, 16
	most := 0.0
	for _, g := range c.groups {
		for _, b := range g.bars {
			most = max(most, b.value)
		}
	}
	var s strings.Builder
	y := 56
	for _, g := range c.groups {
		fmt.Fprintf(&s, "<text class=\"g\" x=\"12\" y=\"%d\">%s</text>\n", y+2, html.EscapeString(g.name))
		y += 10
		for _, b := range g.bars {
			length := b.value / most * (width - left - 80)
			fmt.Fprintf(&s, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text><rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"2\"/><text x=\"%.1f\" y=\"%d\">%s</text>\n",
				left-8, y+15, html.EscapeString(b.name), b.class, left, y+2, max(length, 1), rowHeight-5, float64(left)+length+6, y+15, short(b.value))
			y += rowHeight
		}
		y += gap
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">
<style>text{font:13px system-ui,sans-serif;fill:#24292f}.t{font-size:16px;font-weight:600}.g{font-weight:600}.n{fill:#656d76;font-size:12px}.a{fill:#1f883d}.b{fill:#8c959f}.z{fill:#d0d7de}.p{fill:#fff}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.n{fill:#8d96a0}.a{fill:#3fb950}.b{fill:#6e7681}.z{fill:#484f58}.p{fill:#0d1117}}</style>
<rect class="p" width="%d" height="%d"/><text class="t" x="12" y="26">%s</text>
%s<text class="n" x="12" y="%d">%s</text>
</svg>
`, width, y+24, width, y+24, html.EscapeString(c.title), width, y+24, html.EscapeString(c.title), s.String(), y+8, html.EscapeString(c.note))
}
