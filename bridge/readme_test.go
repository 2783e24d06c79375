package bridge_test

import (
	"encoding/xml"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"blfbridge/bridge/config"
	"blfbridge/policy"
)

// TestREADME: every YAML example of the README is what its reader takes it for.
func TestREADME(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	env := func(string) (string, bool) { return "a-long-secret", true }
	configs, policies := 0, 0
	pbx := ""
	for _, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		block := m[1]
		if strings.HasPrefix(block, "# values of the chart") {
			continue // of package charts
		}
		if strings.Contains(block, "tenants:") {
			policies++
			d, err := policy.Load([]byte(block))
			if err == nil {
				_, err = policy.Compile(d)
			}
			if err != nil {
				t.Errorf("this policy is not valid: %v\n%s", err, block)
			}
			continue
		}
		configs++
		if strings.HasPrefix(block, "pbx:") {
			pbx = block
		} else {
			block = pbx + block // a piece to be added to the one before
		}
		if _, err := config.Parse([]byte(block), env); err != nil {
			t.Errorf("this configuration is not valid: %v\n%s", err, block)
		}
	}
	if configs < 3 || policies < 2 {
		t.Errorf("found %d configurations and %d policies", configs, policies)
	}
	for _, m := range regexp.MustCompile("(?s)```xml\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for d := xml.NewDecoder(strings.NewReader(m[1])); err == nil; {
			_, err = d.Token()
		}
		if err != io.EOF {
			t.Errorf("this XML is not well-formed: %v\n%s", err, m[1])
		}
		err = nil
	}
	for _, m := range regexp.MustCompile(`\bscripts/[a-z0-9/-]+(?:\.txt)?|\bbridge/[a-z/_]+\.go`).FindAllString(string(text), -1) {
		if _, err := os.Stat("../" + m); err != nil {
			t.Errorf("the README names %s: %v", m, err)
		}
	}
	for _, m := range regexp.MustCompile(`\]\(([A-Za-z/]+\.md)\)`).FindAllStringSubmatch(string(text), -1) {
		if _, err := os.Stat("../" + m[1]); err != nil {
			t.Error(err)
		}
	}
}
