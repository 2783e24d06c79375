package show

import (
	"io"
	"time"

	"blfbridge/bridge/admin/api"
)

// Logins writes a line for each end user who is logged in, in local time.
func Logins(w io.Writer, list *api.LoginList) error {
	rows := [][]string{{"Phone", "User", "Profile", "Since", "By", "Status"}}
	for i := range list.Logins {
		l := &list.Logins[i]
		status := "in force"
		if !l.InForce {
			status = "not in force: " + l.Why
		}
		rows = append(rows, []string{phoneName(l.Tenant, l.Phone), l.UserID, l.Profile, moment(l.Since), l.By, status})
	}
	p := &printer{w: w}
	p.f("Extension Mobility Logins: %d\n", list.Total)
	p.table(rows, []int{20, 12, 12, 19, 5, 8})
	return p.err
}

// LoginTrail writes a line for each login and logout, in local time.
func LoginTrail(w io.Writer, trail *api.LoginTrail) error {
	rows := [][]string{{"When", "What", "Phone", "User", "Who", "Moved"}}
	for i := range trail.Entries {
		e := &trail.Entries[i]
		moved := ""
		if e.Replaced != "" {
			moved = "instead of " + e.Replaced
		}
		if e.Left != "" {
			if moved != "" {
				moved += ", "
			}
			moved += "from " + e.Left
		}
		rows = append(rows, []string{moment(e.When), e.What, phoneName(e.Tenant, e.Phone), e.UserID, e.Who, moved})
	}
	p := &printer{w: w}
	p.table(rows, []int{19, 6, 20, 12, 5, 5})
	return p.err
}

func phoneName(tenant, phone string) string { return phone + "@" + tenant }

func moment(t time.Time) string { return t.Local().Format(time.DateTime) }
