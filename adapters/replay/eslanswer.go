package replay

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// api answers an api command from the state; now is the immediate one, late the one
// that lags behind the events, as FreeSWITCH's database does.
func (s *ESLServer) api(cmd string) string {
	cmd = strings.TrimSpace(cmd)
	if r, ok := s.cfg.Replies[cmd]; ok {
		return r
	}
	f := strings.Fields(cmd)
	switch {
	case cmd == "global_getvar core_uuid":
		return s.now.core
	case cmd == "global_getvar domain":
		return s.now.domain
	case cmd == "status":
		return "UP 0 years, 0 days\n"
	case cmd == "show channels as json":
		return s.late.rows(s.late.ids(), false)
	case cmd == "show calls as json":
		return s.late.calls()
	case len(f) == 3 && f[0] == "uuid_dump":
		return s.now.dump(f[1])
	case cmd == "sofia xmlstatus":
		return s.now.profiles()
	case len(f) == 5 && f[0] == "sofia" && f[4] == "reg":
		return s.now.registrations(f[3])
	case cmd == "valet_info":
		return s.now.valet()
	case cmd == "conference json_list":
		return s.now.conferenceList()
	case cmd == "list_users":
		return s.users()
	}
	return "-ERR " + cmd + " Command not found!\n"
}

// rowOf maps show channels' columns to headers.
var rowOf = [][2]string{
	{"uuid", "Unique-ID"}, {"direction", "Call-Direction"}, {"name", "Channel-Name"}, {"state", "Channel-State"},
	{"cid_name", "Caller-Caller-ID-Name"}, {"cid_num", "Caller-Caller-ID-Number"}, {"dest", "Caller-Destination-Number"},
	{"presence_id", "Channel-Presence-ID"}, {"callstate", "Channel-Call-State"},
	{"callee_name", "Caller-Callee-ID-Name"}, {"callee_num", "Caller-Callee-ID-Number"}, {"call_uuid", "Channel-Call-UUID"},
}

func (s *eslState) row(id, prefix string, row map[string]string) {
	c := s.channels[id]
	for _, p := range rowOf {
		row[prefix+p[0]] = ""
		if c != nil {
			row[prefix+p[0]] = c.headers[p[1]]
		}
	}
	row[prefix+"created_epoch"] = ""
	if c != nil {
		if us, err := strconv.ParseInt(c.headers["Caller-Channel-Created-Time"], 10, 64); err == nil {
			row[prefix+"created_epoch"] = strconv.FormatInt(us/1e6, 10)
		}
	}
}

func (s *eslState) rows(ids []string, withPeer bool) string {
	if len(ids) == 0 {
		return `{"row_count": 0}` + "\n"
	}
	rows := make([]map[string]string, 0, len(ids))
	for _, id := range ids {
		r := map[string]string{}
		s.row(id, "", r)
		if withPeer {
			s.row(s.peers[id], "b_", r)
		}
		rows = append(rows, r)
	}
	return mustJSON(map[string]any{"row_count": len(rows), "rows": rows})
}

// calls lists every leg that is not the B leg of another, with its B leg.
func (s *eslState) calls() string {
	isB := map[string]bool{}
	for _, b := range s.peers {
		isB[b] = true
	}
	return s.rows(slices.DeleteFunc(s.ids(), func(id string) bool { return isB[id] }), true)
}

func (s *eslState) dump(id string) string {
	c := s.channels[id]
	if c == nil {
		return "-ERR No such channel!\n"
	}
	h := maps.Clone(c.headers)
	h["Event-Name"] = "CHANNEL_DATA"
	return mustJSON(h)
}

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("replay: maps of strings always marshal: " + err.Error())
	}
	return string(b)
}

const xmlHead = `<?xml version="1.0" encoding="ISO-8859-1"?>` + "\n"

func (s *eslState) profiles() string {
	names := map[string]bool{"phones": true}
	for r := range s.regs {
		if r.Profile != "" {
			names[r.Profile] = true
		}
	}
	var b strings.Builder
	b.WriteString(xmlHead + "<profiles>\n")
	for _, n := range slices.Sorted(maps.Keys(names)) {
		fmt.Fprintf(&b, "<profile>\n<name>%s</name>\n<type>profile</type>\n<state>RUNNING (0)</state>\n</profile>\n", escapeXML(n))
	}
	b.WriteString("</profiles>\n")
	return b.String()
}

func (s *eslState) registrations(profile string) string {
	var b strings.Builder
	b.WriteString(xmlHead + "<profile>\n  <registrations>\n")
	for r := range s.regs {
		if r.Profile == profile {
			fmt.Fprintf(&b, "    <registration>\n        <call-id>%s</call-id>\n        <user>%s</user>\n        <contact>%s</contact>\n    </registration>\n",
				escapeXML(r.CallID), escapeXML(r.User+"@"+r.Host), escapeXML(r.Contact))
		}
	}
	b.WriteString("  </registrations>\n</profile>\n")
	return b.String()
}

func (s *eslState) valet() string {
	lots := map[string]string{}
	for k, id := range s.slots {
		lots[k[0]] += fmt.Sprintf("    <extension uuid=\"%s\">%s</extension>\n", escapeXML(id), escapeXML(k[1]))
	}
	var b strings.Builder
	b.WriteString("<lots>\n")
	for lot, slots := range lots {
		fmt.Fprintf(&b, "  <lot name=\"%s\">\n%s  </lot>\n", escapeXML(lot), slots)
	}
	b.WriteString("</lots>\n")
	return b.String()
}

func (s *eslState) conferenceList() string {
	type member struct {
		Name    string `json:"conference_name"`
		Members int    `json:"member_count"`
		UUID    string `json:"conference_uuid"`
	}
	list := []member{}
	for n, c := range s.conferences {
		list = append(list, member{n, c.size, c.uuid})
	}
	return mustJSON(list)
}

// users answers list_users: the configured ones, else everyone the recording names.
func (s *ESLServer) users() string {
	list := s.cfg.Users
	if list == nil {
		names := map[string]bool{}
		for r := range s.now.regs {
			names[r.User+"@"+r.Host] = true
		}
		for _, n := range slices.Sorted(maps.Keys(names)) {
			list = append(list, ESLUser{Presence: n})
		}
	}
	var b strings.Builder
	b.WriteString("userid|context|domain|group|contact|callgroup|effective_caller_id_name|effective_caller_id_number\n")
	for _, u := range list {
		id, domain, _ := strings.Cut(u.Presence, "@")
		fmt.Fprintf(&b, "%s|default|%s|default|error/user_not_registered||%s|%s\n", id, domain, u.Name, id)
	}
	b.WriteString("\n+OK\n")
	return b.String()
}

func escapeXML(s string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		return ""
	}
	return b.String()
}
