package show

import (
	"cmp"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"blfbridge/bridge/admin/api"
)

// Summary writes a line for each subscription, in the columns of CME's show presence
// subscription summary. SibID, that of the subscription to another system which feeds
// it, is 0 for lines of our own PBXs.
func Summary(w io.Writer, list *api.SubscriptionList) error {
	rows := [][]string{{"Watcher", "Presentity", "SubID", "Expires", "SibID", "Status"}}
	for i := range list.Subscriptions {
		s := &list.Subscriptions[i]
		status := s.Lamp
		if s.FlowLost {
			status += " (phone lost)"
		}
		rows = append(rows, []string{watcherName(&s.Watcher), presentityName(&s.Presentity), s.ID, strconv.Itoa(s.ExpiresIn), cmp.Or(s.Sibling, "0"), status})
	}
	p := &printer{w: w}
	p.f("Presence Active Subscription Records Summary: %d subscription%s\n", list.Matching, plural(list.Matching))
	p.table(rows, []int{22, 25, 5, 7, 5, 6})
	return p.err
}

// table writes rows in aligned columns under a rule, the first row being the heading;
// least are the columns' smallest widths. Numbers stand right.
func (p *printer) table(rows [][]string, least []int) {
	width := slices.Clone(least)
	for _, row := range rows {
		for i := range row {
			row[i] = clean(row[i])
			width[i] = max(width[i], utf8.RuneCountInString(row[i]))
		}
	}
	for n, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if _, err := strconv.Atoi(cell); err == nil && i > 1 {
				b.WriteString(pad + cell)
			} else {
				b.WriteString(cell + pad)
			}
			b.WriteByte(' ')
		}
		p.f("%s\n", strings.TrimRight(b.String(), " "))
		if n == 0 {
			total := len(width) - 1
			for _, c := range width {
				total += c
			}
			p.f("%s\n", strings.Repeat("=", total))
		}
	}
}

// Details writes every subscription at length, as CME's show presence subscription
// details does.
func Details(w io.Writer, list *api.SubscriptionList) error {
	p := &printer{w: w}
	p.f("Presence Active Subscription Records Details: %d subscription%s\n", list.Matching, plural(list.Matching))
	p.f("%s\n", strings.Repeat("=", 68))
	for i := range list.Subscriptions {
		if i > 0 {
			p.f("\n")
		}
		p.detail(&list.Subscriptions[i])
	}
	return p.err
}

func (p *printer) detail(s *api.Subscription) {
	const width = 23
	field := func(name string, value any) { p.field(width, name, value) }
	field("Subscription ID", s.ID)
	field("Watcher", watcherName(&s.Watcher))
	kind := strings.ReplaceAll(s.Watcher.Kind, "_", " ") + " " + s.Watcher.ID
	if s.Watcher.Trunk != "" {
		kind += " through trunk " + s.Watcher.Trunk
	}
	if s.Watcher.DigestUser != "" {
		kind += ", by the credentials of " + s.Watcher.DigestUser
	}
	field("Watcher type", kind)
	field("Watcher address", s.Watcher.Address+" "+s.Watcher.Transport+" from "+s.Watcher.Local)
	field("Watcher user agent", s.Watcher.UserAgent)
	field("Presentity", presentityName(&s.Presentity))
	where := "local "
	if s.Sibling != "" {
		where = "external "
	}
	field("Presentity type", where+s.Presentity.Mode)
	field("Presentity tenant", s.Presentity.Tenant)
	partition := s.Presentity.Partition
	if partition == "" {
		partition = "<None>"
	}
	field("Presentity partition", partition)
	if s.Presentity.Name != "" {
		field("Presentity name", s.Presentity.Name)
	}
	field("Expires", strconv.Itoa(s.ExpiresIn)+" seconds, at "+s.Expires.Format(time.RFC3339))
	field("Created", s.Created.Format(time.RFC3339))
	field("Line status", s.Lamp)
	if s.Line != s.Lamp {
		field("Line status unmasked", s.Line)
	}
	field("View", s.View)
	field("Pickup", yes(s.Pickup))
	event := s.Event
	if s.EventID != "" {
		event += ";id=" + s.EventID
	}
	field("Event package", event+", as "+s.Content+" for "+s.Dialect)
	field("Call-ID", s.CallID)
	field("Next CSeq and version", strconv.FormatUint(uint64(s.CSeq), 10)+", "+strconv.FormatUint(uint64(s.Version), 10))
	field("Durable", yes(s.Durable))
	field("NOTIFY unanswered", yes(s.Waiting))
	field("NOTIFYs failed in a row", s.Failures)
	field("Connection lost", yes(s.FlowLost))
	field("Sibling subID", cmp.Or(s.Sibling, "0"))
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}
