package policy

import "testing"

func TestDidYouMean(t *testing.T) {
	names := []string{"Standard", "Sales", "Board", "Sable", "CSS1", "a"}
	for word, want := range map[string]string{
		"Slaes": "Sales", "sales": "Sales", "SALES": "Sales", "Standart": "Standard", "Bored": "Board", "CSS": "CSS1", "Sabels": "Sable",
		"b": "", "Marketing": "", "": "",
	} {
		if want != "" {
			want = `, did you mean "` + want + `"?`
		}
		if got := didYouMean(word, names); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}
