package esl

import (
	"strings"
	"testing"

	"blfbridge/adapters/replay"
)

// fixed makes the replayed PBX answer with recorded answers.
func fixed(t *testing.T, sc *replay.ESLConfig, prefix string, files map[string]string) {
	t.Helper()
	sc.Replies = map[string]string{}
	for cmd, file := range files {
		sc.Replies[cmd] = snapshotFile(t, prefix+"__"+file)
	}
}

// In the middle of calls, one held, one parked, one in a conference, a new connection
// shows them as they are (testdata/snapshots, midcall_held_parked_conf).
func TestSnapshotMidCall(t *testing.T) {
	r := newRig(t, "register.esl", func(sc *replay.ESLConfig, _ *Config) {
		fixed(t, sc, "midcall_held_parked_conf", map[string]string{
			"show channels as json": "show_channels_as_json", "show calls as json": "show_calls_as_json",
			"valet_info": "valet_info", "conference json_list": "conference_json_list",
			"sofia xmlstatus profile phones reg": "sofia_xmlstatus_profile_phones_reg",
		})
		for _, id := range []string{"4ae4762c-58d7-4080-9b98-8f23e59018bc", "7c1c3a91-6573-426b-89d3-b0179ea8aa17", "db38838c-440d-4b93-87f5-4dd1ce2ef769", "91244f08-f159-40b3-8f21-6622f24219ab"} {
			sc.Replies["uuid_dump "+id+" json"] = `{"no":"event"}` // unreadable: the row must do
		}
	})
	for name, want := range map[string]string{
		"1001@pbx.test":                `busy | initiator confirmed 1002 "Bob Two"`,
		"1002@pbx.test":                `busy | recipient held 1001 "Alice One"`,
		"1003@pbx.test":                `busy | initiator confirmed 5701`,
		"1001@tenant2.test":            `busy | initiator confirmed 3001`,
		"1002@tenant2.test":            `unknown | -`,
		"1004@pbx.test":                `unknown | -`,
		"park:5701@pbx.test":           `busy | recipient confirmed 1003 "Carol Three"`,
		"conference:3001-tenant2.test": `busy | recipient confirmed`,
		"conference:3001-pbx.test":     `idle | -`,
	} {
		s, ok := r.sink.get(name)
		var c lampCheck
		parts := strings.Split(want, " | ")
		c.device, c.state, c.calls = name, parts[0], []string{}
		if parts[1] != "-" {
			c.calls = parts[1:]
		}
		if diff := c.verify(s, ok); diff != "" {
			t.Error(diff)
		}
	}
	if s, _ := r.sink.get("1001@pbx.test"); s.Calls[0].Since.Unix() != 1795371283 {
		t.Errorf("since %v", s.Calls[0].Since)
	}
	if n := r.metric("blfbridge_esl_parse_errors_total"); n != 4 {
		t.Errorf("%v parse errors, want one for each unreadable answer", n)
	}
}

// While it rings, uuid_dump tells the dialog that Replaces must name; a row of a channel
// that has ended meanwhile is not believed.
func TestSnapshotRinging(t *testing.T) {
	const (
		alive = "e0b57d6f-5d29-4cf9-9eac-9b6483ee9674" // of the recorded uuid_dump
		ended = "7c1c3a91-6573-426b-89d3-b0179ea8aa17"
	)
	r := newRig(t, "register.esl", func(sc *replay.ESLConfig, _ *Config) {
		fixed(t, sc, "ringing", map[string]string{"uuid_dump " + alive + " json": "uuid_dump_json_b_leg"})
		row := func(id, user string) string {
			return `{"uuid":"` + id + `","direction":"outbound","created_epoch":"1795371283","cid_num":"1001","dest":"` + user + `","presence_id":"` + user + `@pbx.test","callstate":"RINGING"}`
		}
		sc.Replies["show channels as json"] = `{"row_count":2,"rows":[` + row(alive, "1002") + `,` + row(ended, "1003") + `]}`
	})
	s, _ := r.sink.get("1002@pbx.test")
	if len(s.Calls) != 1 || shownCall(s.Calls[0], true) != `recipient early 1001 "Alice One" dialog=522fa5d3-6144-1240-669e-16de7c070420/4c8XD0gjDNyQK/3fb1659e` {
		t.Errorf("1002 is %+v", s)
	} else if id := s.Calls[0].CallID; id != "522fa5d3-6144-1240-669e-16de7c070420" {
		t.Errorf("its Call-ID is %q", id)
	}
	if s, _ := r.sink.get("1003@pbx.test"); s.State.String() != "unknown" || len(s.Calls) != 0 {
		t.Errorf("an ended channel came back: %+v", s)
	}
}

// A PBX without mod_valet_parking, mod_conference, mod_sofia and directory answers -ERR.
func TestModulesMissing(t *testing.T) {
	const refused = "-ERR Command not found!\n"
	r := newRig(t, "call_answer_caller_hangs_up.esl", func(sc *replay.ESLConfig, c *Config) {
		sc.Replies = map[string]string{
			"valet_info": refused, "conference json_list": refused, "sofia xmlstatus": refused,
			"list_users": refused, "global_getvar domain": refused,
		}
		c.Domains = []string{"pbx.test"}
	})
	if n := r.metric("blfbridge_esl_command_errors_total"); n != 5 {
		t.Errorf("%v command errors, want 5", n)
	}
	r.playTo(2141)
	if got := r.shownAs("1002@pbx.test", true); got != "ringing:early" {
		t.Errorf("1002 is %s", got)
	}
	r.playAll()
	if got := r.shownAs("1002@pbx.test", true); got != "absent" {
		t.Errorf("1002 is %s after its call, want nothing: neither directory nor registration knows it", got)
	}
}

// Domains and profiles limit what is reported.
func TestLimits(t *testing.T) {
	r := newRig(t, "two_domains_same_numbers.esl", func(_ *replay.ESLConfig, c *Config) {
		c.Domains = []string{"tenant2.test"}
		c.Profiles = []string{"phones", "nosuch"}
		c.Devices = nil
	})
	r.playAll()
	r.sink.mu.Lock()
	defer r.sink.mu.Unlock()
	for name := range r.sink.history {
		if !strings.HasSuffix(name, "@tenant2.test") {
			t.Errorf("%s was reported", name)
		}
	}
	if len(r.sink.history["1002@tenant2.test"]) != 4 {
		t.Errorf("1002@tenant2.test was shown %v", r.sink.history["1002@tenant2.test"])
	}
}
