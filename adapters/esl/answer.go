package esl

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// row is one line of show channels.
type row struct {
	ID          string `json:"uuid"`
	Direction   string `json:"direction"`
	Created     string `json:"created_epoch"`
	Presence    string `json:"presence_id"`
	CallState   string `json:"callstate"`
	CallerName  string `json:"cid_name"`
	CallerNum   string `json:"cid_num"`
	CalleeName  string `json:"callee_name"`
	CalleeNum   string `json:"callee_num"`
	Destination string `json:"dest"`
	CallID      string `json:"call_uuid"` // the leg that dialled this one, or its own
	Peer        string `json:"b_uuid"`    // of show calls
}

// event is the row in the form that channels are updated from. An active row is an
// answered one; the others have no answer state.
func (r row) event() *event {
	e := &event{name: "row", fields: []field{
		{"Unique-ID", r.ID}, {"Call-Direction", r.Direction}, {"Channel-Presence-ID", r.Presence},
		{"Channel-Call-State", r.CallState},
		{"Caller-Caller-ID-Name", r.CallerName}, {"Caller-Caller-ID-Number", r.CallerNum},
		{"Caller-Callee-ID-Name", r.CalleeName}, {"Caller-Callee-ID-Number", r.CalleeNum},
		{"Caller-Destination-Number", r.Destination},
	}}
	if r.CallState == "ACTIVE" || r.CallState == "HELD" || r.CallState == "UNHELD" {
		e.fields = append(e.fields, field{"Answer-State", "answered"})
	}
	if r.Created != "" {
		e.fields = append(e.fields, field{"Caller-Channel-Created-Time", r.Created + "000000"})
	}
	if r.CallID != "" && r.CallID != r.ID && r.Direction == "outbound" {
		e.fields = append(e.fields, field{"Other-Type", "originator"}, field{"Other-Leg-Unique-ID", r.CallID})
	}
	return e
}

// parseRows reads show channels or show calls as json; there is no rows member when
// there is no row.
func parseRows(text string) ([]row, error) {
	var a struct {
		Rows []row `json:"rows"`
	}
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return nil, fmt.Errorf("esl: show: %w", err)
	}
	return a.Rows, nil
}

// parseProfiles lists the profiles of sofia xmlstatus; aliases and gateways are no profiles.
func parseProfiles(text string) ([]string, error) {
	var a struct {
		Profiles []struct {
			Name string `xml:"name"`
			Type string `xml:"type"`
		} `xml:"profile"`
	}
	if err := parseXML(text, &a); err != nil {
		return nil, err
	}
	var names []string
	for _, p := range a.Profiles {
		if p.Type == "profile" && wordForm.MatchString(p.Name) {
			names = append(names, p.Name)
		}
	}
	return names, nil
}

type regRow struct {
	CallID  string `xml:"call-id"`
	User    string `xml:"user"`
	Contact string `xml:"contact"`
}

// parseRegs reads sofia xmlstatus profile P reg.
func parseRegs(text string) ([]regRow, error) {
	var a struct {
		Rows []regRow `xml:"registrations>registration"`
	}
	return a.Rows, parseXML(text, &a)
}

// parseValet reads valet_info: slot name by lot and extension to channel.
func parseValet(text string, name func(lot, slot string) string) (map[string]string, error) {
	var a struct {
		Lots []struct {
			Name  string `xml:"name,attr"`
			Slots []struct {
				ID   string `xml:"uuid,attr"`
				Slot string `xml:",chardata"`
			} `xml:"extension"`
		} `xml:"lot"`
	}
	if err := parseXML(text, &a); err != nil {
		return nil, err
	}
	m := map[string]string{}
	for _, l := range a.Lots {
		for _, s := range l.Slots {
			if n := name(l.Name, strings.TrimSpace(s.Slot)); n != "" && s.ID != "" {
				m[n] = s.ID
			}
		}
	}
	return m, nil
}

type conferenceRow struct {
	Name    string `json:"conference_name"`
	UUID    string `json:"conference_uuid"`
	Members int    `json:"member_count"`
}

// parseConferences reads conference json_list.
func parseConferences(text string) (map[string]conferenceRow, error) {
	var rows []conferenceRow
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		return nil, fmt.Errorf("esl: conference json_list: %w", err)
	}
	m := map[string]conferenceRow{}
	for _, r := range rows {
		m[conferencePrefix+r.Name] = r
	}
	return m, nil
}

type listedUser struct{ presence, name string }

// parseUsers reads list_users: a table with pipes, its columns named in the first line.
// odd counts the lines that could not be read.
func parseUsers(text string) (users []listedUser, odd int) {
	lines := strings.Split(text, "\n")
	head := strings.Split(lines[0], "|")
	at := map[string]int{}
	for i, h := range head {
		at[h] = i
	}
	id, okID := at["userid"]
	dom, okDom := at["domain"]
	nm, okName := at["effective_caller_id_name"]
	if !okID || !okDom {
		return nil, 1
	}
	seen := map[string]bool{} // a user in several groups has several lines
	for _, l := range lines[1:] {
		if l == "" || strings.HasPrefix(l, "+OK") {
			continue
		}
		f := strings.Split(l, "|")
		if len(f) < len(head) || f[id] == "" || f[dom] == "" {
			odd++
			continue
		}
		u := listedUser{presence: f[id] + "@" + f[dom]}
		if okName {
			u.name = strings.ToValidUTF8(f[nm], "\uFFFD")
		}
		if !seen[u.presence] {
			seen[u.presence] = true
			users = append(users, u)
		}
	}
	return users, odd
}

// parseXML: FreeSWITCH declares ISO-8859-1 and writes UTF-8.
func parseXML(text string, v any) error {
	d := xml.NewDecoder(strings.NewReader(text))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("esl: xml answer: %w", err)
	}
	return nil
}
