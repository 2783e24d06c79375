package policy

import (
	"fmt"
	"strings"
	"testing"
)

// TestCredentialFile: CME, authenticate credential: CSV of user names and passwords.
func TestCredentialFile(t *testing.T) {
	got, err := ParseCredentials([]byte("\ufeffusername,password\n# far end\n\nbob, secret\n\"a,b\",\"p\"\"w\",realm\n"))
	if err != nil || fmt.Sprint(got) != `[{bob secret} {a,b p"w}]` {
		t.Errorf("%v, %v", got, err)
	}
	if got, err = ParseCredentials(nil); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
	for text, want := range map[string]string{
		"bob":             "credentials (line 1): want a user name and a password: name,secret",
		"a,b\nbob,\n,x":   "credentials (line 2): want a user name and a password: name,secret\npolicy: credentials (line 3): want a user name and a password: name,secret",
		"a,b\na,c":        `credentials (line 2): user name "a" is on line 1 already`,
		"a,b\nc,\"d\ne,f": `credentials (line 3): extraneous or missing " in quoted-field`,
		"a,b,c,d":         "credentials (line 1): want a user name and a password: name,secret",
	} {
		_, err := ParseCredentials([]byte(text))
		if err == nil || strings.TrimPrefix(err.Error(), "policy: ") != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func FuzzCredentials(f *testing.F) {
	f.Add([]byte("a,b\n\"c\",\"d\"\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := ParseCredentials(text)
		seen := map[string]bool{}
		for _, c := range list {
			if err != nil || c.Username == "" || c.Password == "" || seen[c.Username] {
				t.Fatalf("%+v, %v", list, err)
			}
			seen[c.Username] = true
		}
	})
}
